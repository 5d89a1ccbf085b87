"""All labels and detections of a set with their overlaps, made once for all classes, overlaps and levels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kittidet.arrays import FloatArray
from kittidet.eval.kitti_protocol.rows import Pairs, Rows, build_rows, covered_share, overlapping_pairs
from kittidet.frame import KittiObject


@dataclass(frozen=True, slots=True)
class Scene:
    """What is scored.

    Attributes:
        frames: how many there are, those without any row among them.
        truth: label rows, DontCare included.
        found: detection rows.
        pairs: what overlaps by more than the smallest overlap in use.
        covered: ``[detections]`` share of each detection inside a DontCare region.
    """

    frames: int
    truth: Rows
    found: Rows
    pairs: Pairs
    covered: FloatArray


def build_scene(
    ground_truth: Mapping[str, Sequence[KittiObject]],
    detections: Mapping[str, Sequence[KittiObject]],
    *,
    keep_order: bool,
    above_iou: float,
) -> Scene:
    """Return the scene of the labelled frames, numbered in the order of their ids.

    Args:
        ground_truth: frame id -> label rows, DontCare included.
        detections: frame id -> result rows; a frame that is missing has none.
        keep_order: of each frame's rows; see ``build_rows``.
        above_iou: the smallest overlap in use.
    """
    frame_ids = sorted(ground_truth)
    truth = build_rows(ground_truth, frame_ids, keep_order=keep_order)
    found = build_rows(detections, frame_ids, keep_order=keep_order)
    return Scene(
        frames=len(frame_ids),
        truth=truth,
        found=found,
        pairs=overlapping_pairs(truth, found, above_iou=above_iou),
        covered=covered_share(found, truth.take(truth.kind == "dontcare")),
    )
