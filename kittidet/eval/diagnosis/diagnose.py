"""Everything that is known about a set of detections beyond AP, in one record."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kittidet.classes import ClassTable
from kittidet.errors import EvaluationError
from kittidet.eval.coco import hotcoco_evaluator
from kittidet.eval.coco_format import ResultArray
from kittidet.eval.diagnosis.curves import RECALLS, THRESHOLDS, ScoreCurves, score_curves
from kittidet.eval.diagnosis.errors import Calibration, Confusion, TideError, calibration, confusion, tide_errors
from kittidet.eval.diagnosis.frames import (
    FrameCounts,
    LabelError,
    count_frames,
    inside_dont_care,
    likely_label_errors,
    worst_first,
)
from kittidet.eval.diagnosis.slices import SliceAp, ap_by_slice
from kittidet.eval.matches import Matches
from kittidet.frame import Frame

_MIN_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a detector does well and badly on a set of frames; matches are at IoU .5.

    Attributes:
        curves: mean over classes.
        class_curves: class with ground truth -> its curves.
        confusion: at the best threshold of the mean.
        tide: kinds of error and what they cost.
        calibration: scores against shares.
        slices: AP by distance, height, occlusion and truncation.
        min_score: frames are counted from here on.
        frames: every frame, in the order of the image ids.
        worst_frames: some of them, the worst first.
        label_errors: confident detections that the labels contradict, most confident first.
    """

    curves: ScoreCurves
    class_curves: Mapping[str, ScoreCurves]
    confusion: Confusion
    tide: tuple[TideError, ...]
    calibration: Calibration
    slices: tuple[SliceAp, ...]
    min_score: float
    frames: tuple[FrameCounts, ...]
    worst_frames: tuple[FrameCounts, ...]
    label_errors: tuple[LabelError, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON types; arrays are lists, infinite ends of slices are None, of the frames only the worst."""
        facts = asdict(self) | {"thresholds": THRESHOLDS, "recalls": RECALLS}
        del facts["frames"]
        return {name: _plain(value) for name, value in facts.items()}


def diagnose(
    frames: Sequence[Frame],
    table: ClassTable,
    ground_truth: Mapping[str, Any],
    results: ResultArray,
    matches: Matches,
    *,
    min_score: float | None,
    worst: int,
    label_errors: int,
    label_error_score: float,
) -> Diagnosis:
    """Return the diagnosis of a set of detections.

    Args:
        frames: every frame that was predicted on, with full label rows.
        table: the class table.
        ground_truth: of the frames, as ``coco_format.coco_ground_truth`` makes it.
        results: detections, as ``coco_format.result_rows`` makes them.
        matches: of the two.
        min_score: frames are counted from here on; None: where the mean F1 of the classes is highest.
        worst: how many frames to list at most.
        label_errors: how many contradicted labels to list at most.
        label_error_score: least score of a detection that can contradict a label, 0..1.

    Raises:
        EvaluationError: without any labelled object.
    """
    if all(item["iscrowd"] for item in ground_truth["annotations"]):
        raise EvaluationError(f"no ground truth: {len(frames)} frames hold no object of {', '.join(table.names)}.")
    frame_of = {image["id"]: image["frame_id"] for image in ground_truth["images"]}
    is_inside = inside_dont_care(frames, results, {name: image_id for image_id, name in frame_of.items()})
    evaluator = hotcoco_evaluator(ground_truth, results)
    mean, by_class = score_curves(matches)
    counted_from = mean.best_threshold if min_score is None else min_score
    counts = count_frames(matches, frame_of, is_inside, min_score=counted_from)
    return Diagnosis(
        curves=mean,
        class_curves=by_class,
        confusion=confusion(
            _without_ignored(evaluator, ground_truth, results, matches), min_score=mean.best_threshold, min_iou=_MIN_IOU
        ),
        tide=tide_errors(evaluator),
        calibration=calibration(evaluator, min_iou=_MIN_IOU),
        slices=ap_by_slice(frames, ground_truth, results, table),
        min_score=counted_from,
        frames=counts,
        worst_frames=tuple(worst_first(counts)[:worst]),
        label_errors=likely_label_errors(
            evaluator, frame_of, is_inside, count=label_errors, min_score=label_error_score, min_iou=_MIN_IOU
        ),
    )


def _without_ignored(evaluator: Any, ground_truth: Mapping[str, Any], results: ResultArray, matches: Matches) -> Any:
    """Return the evaluator of the detections that count; the engine's confusion takes those on regions for wrong."""
    counted = np.ones(len(results), dtype=bool)
    for one in matches.classes:
        counted[one.row] = one.counts[0]
    return evaluator if counted.all() else hotcoco_evaluator(ground_truth, results[counted])


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
