"""Which frames go worst, and where a sure detection and a label contradict each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kittidet.boxes import coverage_xyxy
from kittidet.eval.coco import hotcoco_evaluator
from kittidet.eval.coco_format import ResultArray
from kittidet.frame import Frame

# A detection that lies mostly inside DontCare contradicts nobody: objects there are left unlabelled on purpose.
_INSIDE_DONT_CARE = 0.5


@dataclass(frozen=True, slots=True)
class FrameErrors:
    """How a frame went at one score threshold and IoU .5.

    Attributes:
        frame_id: the frame.
        right: detections that match a label.
        false: detections that match none.
        missed: labels without a detection.
        f1: of the frame, 0..1.
    """

    frame_id: str
    right: int
    false: int
    missed: int
    f1: float


@dataclass(frozen=True, slots=True)
class LabelError:
    """A sure detection that the labels contradict: one of the two is wrong, and a person should look.

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


def worst_frames(
    ground_truth: Mapping[str, Any], results: ResultArray, *, count: int, min_score: float, min_iou: float
) -> tuple[FrameErrors, ...]:
    """Return the frames with the most errors (false and missed), the worst first.

    Args:
        ground_truth: as ``coco_format.coco_ground_truth`` makes it.
        results: as ``coco_format.result_rows`` makes it.
        count: how many at most.
        min_score: detections below are left out.
        min_iou: overlap of a match.
    """
    frame_of = {image["id"]: image["frame_id"] for image in ground_truth["images"]}
    # hotcoco's `score_thr` is for doubtful labels only: what is below must not be there at all.
    evaluator = hotcoco_evaluator(ground_truth, results[results[:, 5] >= min_score])
    summary = evaluator.image_diagnostics(iou_thr=min_iou)["img_summary"]
    frames = [
        FrameErrors(frame_of[image_id], int(one["tp"]), int(one["fp"]), int(one["fn"]), float(one["f1"]))
        for image_id, one in summary.items()
        if one["fp"] + one["fn"]
    ]
    return tuple(sorted(frames, key=lambda f: (-(f.false + f.missed), f.f1, f.frame_id))[:count])


def likely_label_errors(
    evaluator: Any,
    frames: Sequence[Frame],
    frame_of: Mapping[int, str],
    *,
    count: int,
    min_score: float,
    min_iou: float,
) -> tuple[LabelError, ...]:
    """Return sure detections that the labels contradict, the surest first; those inside DontCare are left out.

    Args:
        evaluator: hotcoco's, after matching.
        frames: with their DontCare regions.
        frame_of: COCO image id -> frame id.
        count: how many at most.
        min_score: how sure a detection must be.
        min_iou: overlap of a match.
    """
    found = evaluator.image_diagnostics(iou_thr=min_iou, score_thr=min_score)["label_errors"]
    regions = {frame.frame_id: frame.dont_care_xyxy() for frame in frames}
    boxes = evaluator.coco_dt.anns
    errors = []
    for one in sorted(found, key=lambda item: (-item["dt_score"], item["image_id"], item["dt_id"])):
        left, top, width, height = boxes[one["dt_id"]]["bbox"]
        box = (left, top, left + width, top + height)
        frame_id = frame_of[one["image_id"]]
        inside = coverage_xyxy(np.array([box]), regions[frame_id].astype(np.float64))
        if inside.max(initial=0) < _INSIDE_DONT_CARE:
            errors.append(
                LabelError(
                    frame_id,
                    one["type"],
                    box,
                    float(one["dt_score"]),
                    one["dt_category"],
                    one["gt_category"],
                    float(one["iou"]),
                )
            )
    return tuple(errors[:count])
