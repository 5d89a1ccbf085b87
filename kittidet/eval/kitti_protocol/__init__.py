"""The official KITTI 2D protocol: labels and detections to AP R40 and R11, easy, moderate, hard."""

from kittidet.eval.kitti_protocol.ap import LOOSE_OVERLAP, OFFICIAL_OVERLAP, ClassAp, KittiAp, kitti_ap

__all__ = ["LOOSE_OVERLAP", "OFFICIAL_OVERLAP", "ClassAp", "KittiAp", "kitti_ap"]
