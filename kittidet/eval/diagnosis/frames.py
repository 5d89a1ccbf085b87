"""How each frame went, and where a confident detection and a label contradict each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kittidet.arrays import BoolArray
from kittidet.boxes import coverage_xyxy
from kittidet.eval.coco_format import ResultArray, row_boxes
from kittidet.eval.matches import Matches
from kittidet.frame import Frame

# A detection that is mostly inside DontCare contradicts no label: objects there are left unlabelled on purpose.
_INSIDE_DONT_CARE = 0.5
_IOU_50 = 0


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """How a frame went from one score on, at IoU .5.

    Attributes:
        frame_id: the frame.
        found: labelled objects with a detection of their class.
        missed: those without.
        extra: detections without an object, those inside DontCare regions left out.
        f1: of the frame, 0..1; 1 where there was nothing to find and nothing was found.
    """

    frame_id: str
    found: int
    missed: int
    extra: int
    f1: float = field(init=False)

    def __post_init__(self) -> None:
        total = 2 * self.found + self.missed + self.extra
        object.__setattr__(self, "f1", 2 * self.found / total if total else 1.0)


@dataclass(frozen=True, slots=True)
class LabelError:
    """A confident detection that the labels contradict: one of the two is wrong, and a person should look.

    Attributes:
        frame_id: the frame.
        kind: ``missing_annotation`` where nothing is labelled, ``wrong_label`` where another class is.
        xyxy: the detection, pixels of the original image.
        score: of the detection.
        detected: its class.
        labelled: the label's class; None where nothing is labelled.
        iou: overlap with that label.
    """

    frame_id: str
    kind: str
    xyxy: tuple[float, float, float, float]
    score: float
    detected: str
    labelled: str | None
    iou: float


def inside_dont_care(frames: Sequence[Frame], results: ResultArray, ids: Mapping[str, int]) -> BoolArray:
    """Return for each result row ``[n]`` whether its box is mostly inside a DontCare region of its frame.

    Args:
        frames: with their DontCare regions.
        results: as ``coco_format.result_rows`` makes it.
        ids: frame id -> image id.
    """
    inside = np.zeros(len(results), dtype=bool)
    order = np.argsort(results[:, 0], kind="stable")
    images, boxes = results[order, 0], row_boxes(results[order])
    for frame in frames:
        regions = frame.dont_care_xyxy().astype(np.float64)
        start, end = np.searchsorted(images, ids[frame.frame_id] + np.array([0, 1]))
        covered = coverage_xyxy(boxes[start:end], regions).max(axis=1, initial=0)
        inside[order[start:end]] = covered >= _INSIDE_DONT_CARE
    return inside


def count_frames(
    matches: Matches, frame_of: Mapping[int, str], is_inside: BoolArray, *, min_score: float
) -> tuple[FrameCounts, ...]:
    """Return what was found, missed and extra in every frame, in the order of the image ids.

    Args:
        matches: of all classes.
        frame_of: image id -> frame id.
        is_inside: for each result row, whether it is inside DontCare.
        min_score: detections below are left out; what the others are matched with does not depend on them.
    """
    frames = len(matches.image_ids)
    found, extra, labels = np.zeros((3, frames), dtype=np.int64)
    for one in matches.classes:
        kept, right = one.score >= min_score, one.is_right[_IOU_50]
        wrong = ~right & one.counts[_IOU_50] & ~is_inside[one.row]
        found += np.bincount(one.image[kept & right], minlength=frames)
        extra += np.bincount(one.image[kept & wrong], minlength=frames)
        labels += one.labels
    return tuple(
        FrameCounts(frame_of[image_id], *numbers)
        for image_id, *numbers in np.stack([matches.image_ids, found, labels - found, extra], axis=1).tolist()
    )


def worst_first(counts: Sequence[FrameCounts]) -> list[FrameCounts]:
    """Return the frames with something missed or extra, lowest F1 first, of equals the one with more errors."""
    return sorted((c for c in counts if c.missed + c.extra), key=lambda c: (c.f1, -(c.missed + c.extra), c.frame_id))


def likely_label_errors(
    evaluator: Any,
    frame_of: Mapping[int, str],
    is_inside: BoolArray,
    *,
    count: int,
    min_score: float,
    min_iou: float,
) -> tuple[LabelError, ...]:
    """Return confident detections that the labels contradict, most confident first; those inside DontCare are left out.

    Args:
        evaluator: hotcoco's, after matching.
        frame_of: image id -> frame id.
        is_inside: for each result row, whether it is inside DontCare.
        count: how many at most.
        min_score: least score of a detection.
        min_iou: overlap of a match.
    """
    found = evaluator.image_diagnostics(iou_thr=min_iou, score_thr=min_score)["label_errors"]
    boxes = evaluator.coco_dt.anns
    errors: list[LabelError] = []
    for one in sorted(found, key=lambda item: (-item["dt_score"], item["image_id"], item["dt_id"])):
        # The engine numbers the rows from 1.
        if len(errors) < count and not is_inside[one["dt_id"] - 1]:
            left, top, width, height = boxes[one["dt_id"]]["bbox"]
            errors.append(
                LabelError(
                    frame_of[one["image_id"]],
                    one["type"],
                    (left, top, left + width, top + height),
                    float(one["dt_score"]),
                    one["dt_category"],
                    one["gt_category"],
                    float(one["iou"]),
                )
            )
    return tuple(errors)
