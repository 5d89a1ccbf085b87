"""Everything there is to say about a set of detections beyond AP, in one record."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kittidet.classes import ClassTable
from kittidet.errors import EvaluationError
from kittidet.eval.coco import hotcoco_evaluator
from kittidet.eval.coco_format import coco_ground_truth, result_rows
from kittidet.eval.diagnosis.curves import RECALLS, THRESHOLDS, ScoreCurves, score_curves
from kittidet.eval.diagnosis.errors import Calibration, Confusion, TideError, calibration, confusion, tide_errors
from kittidet.eval.diagnosis.frames import FrameErrors, LabelError, likely_label_errors, worst_frames
from kittidet.eval.diagnosis.slices import SliceAp, ap_by_slice
from kittidet.eval.matches import match_detections
from kittidet.frame import Detections, Frame

_MIN_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a detector does well and badly on a set of frames; matches are at IoU .5.

    Attributes:
        curves: mean over classes; its best threshold is the one used below.
        class_curves: class with ground truth -> its curves.
        confusion: at the best threshold.
        tide: kinds of error and what they cost.
        calibration: scores against shares.
        slices: AP by distance, height, occlusion and truncation.
        worst_frames: at the best threshold, the worst first.
        label_errors: sure detections that the labels contradict, the surest first.
    """

    curves: ScoreCurves
    class_curves: Mapping[str, ScoreCurves]
    confusion: Confusion
    tide: tuple[TideError, ...]
    calibration: Calibration
    slices: tuple[SliceAp, ...]
    worst_frames: tuple[FrameErrors, ...]
    label_errors: tuple[LabelError, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON types; arrays are lists, infinite ends of slices are None."""
        content = _plain({**asdict(self), "thresholds": THRESHOLDS, "recalls": RECALLS})
        if not isinstance(content, dict):
            raise TypeError("a diagnosis is a mapping")
        return content


def diagnose(
    frames: Sequence[Frame],
    detections: Sequence[Detections],
    table: ClassTable,
    *,
    worst: int,
    label_errors: int,
    label_error_score: float,
) -> Diagnosis:
    """Return the diagnosis of a set of detections.

    Args:
        frames: every frame that was predicted on, with full label rows.
        detections: at most one record a frame, original pixels.
        table: the class table of both.
        worst: how many frames to list at most.
        label_errors: how many contradicted labels to list at most.
        label_error_score: how sure a detection must be to contradict a label, 0..1.

    Raises:
        EvaluationError: without any labelled object, or if the detections cannot be scored.
    """
    truth = coco_ground_truth(frames, table)
    if not truth["annotations"]:
        raise EvaluationError(f"no ground truth: {len(frames)} frames hold no object of {', '.join(table.names)}.")
    ids = {image["frame_id"]: image["id"] for image in truth["images"]}
    frame_of = {image_id: frame_id for frame_id, image_id in ids.items()}
    results = result_rows(detections, ids, table)
    evaluator = hotcoco_evaluator(truth, results)
    mean, by_class = score_curves(match_detections(truth, results))
    at = mean.best_threshold
    return Diagnosis(
        curves=mean,
        class_curves=by_class,
        confusion=confusion(evaluator, min_score=at, min_iou=_MIN_IOU),
        tide=tide_errors(evaluator),
        calibration=calibration(evaluator, min_iou=_MIN_IOU),
        slices=ap_by_slice(frames, results, table),
        worst_frames=worst_frames(truth, results, count=worst, min_score=at, min_iou=_MIN_IOU),
        label_errors=likely_label_errors(
            evaluator, frames, frame_of, count=label_errors, min_score=label_error_score, min_iou=_MIN_IOU
        ),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
