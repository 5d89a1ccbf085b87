"""The official KITTI 2D protocol: labels and detections to AP R40 and R11, easy, moderate, hard."""

from kittidet.eval.kitti_protocol.ap import LOOSE_OVERLAP, OFFICIAL_OVERLAP, ClassAp, KittiAp, kitti_ap
from kittidet.eval.kitti_protocol.detector import detector_ap
from kittidet.eval.kitti_protocol.files import ScoringInput, read_frame_list, read_scoring_input

__all__ = [
    "LOOSE_OVERLAP",
    "OFFICIAL_OVERLAP",
    "ClassAp",
    "KittiAp",
    "ScoringInput",
    "detector_ap",
    "kitti_ap",
    "read_frame_list",
    "read_scoring_input",
]
