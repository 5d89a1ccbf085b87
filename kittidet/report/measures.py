"""The numbers behind the page's curves and tables, from the run's frames and detections.

Matching and averaging are the scoring room's and hotcoco's; here is only what a page needs of them, by class name.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kittidet.eval.coco import CocoMetrics, coco_metrics, hotcoco_evaluator
from kittidet.eval.coco_format import coco_ground_truth, result_rows
from kittidet.eval.interval import ApIntervals, ap_intervals
from kittidet.eval.kitti_protocol import ClassAp, kitti_ap
from kittidet.eval.matches import ClassMatches, match_detections
from kittidet.frame import Detections, KittiObject
from kittidet.report.run_folder import RunFolder

FloatArray = npt.NDArray[np.float64]
# Axes of hotcoco's arrays [iou, recall, class, area, max detections]: IoU .50, all areas, 100 detections.
_IOU_50, _ALL_AREAS, _HUNDRED = 0, 0, -1
_THRESHOLDS = np.linspace(0, 1, 201)


@dataclass(frozen=True, slots=True)
class Measures:
    """Everything measured on one run; classes without ground truth are left out of the curves.

    Attributes:
        coco: the twelve numbers and AP by class.
        intervals: of AP, by bootstrap over frames.
        kitti: class -> official scores; None without full labels.
        recall: ``[101]`` 0..1, the horizontal axis of ``precision``.
        precision: class -> ``[101]`` at IoU 0.5.
        thresholds: ``[t]`` scores 0..1, the horizontal axis of ``f1``.
        f1: class -> ``[t]`` F1 at IoU 0.5 if detections below the threshold are dropped.
        confusion: ``[k + 1, k + 1]`` counts at ``best_threshold``, rows labels, columns detections, background last.
        tide: error type -> (how much AP50 rises without it, 0..1; how many).
        calibration: per bin of ten: mean score, share that is right, count.
        calibration_error: expected calibration error, 0..1.
    """

    coco: CocoMetrics
    intervals: ApIntervals
    kitti: Mapping[str, ClassAp] | None
    recall: FloatArray
    precision: Mapping[str, FloatArray]
    thresholds: FloatArray
    f1: Mapping[str, FloatArray]
    confusion: npt.NDArray[np.int64]
    tide: Mapping[str, tuple[float, int]]
    calibration: tuple[tuple[float, float, int], ...]
    calibration_error: float

    @property
    def mean_f1(self) -> FloatArray:
        """F1 by threshold, the mean of the classes, ``[t]``."""
        return np.mean(list(self.f1.values()), axis=0)

    @property
    def best_threshold(self) -> float:
        """The score with the highest mean F1."""
        return best_threshold(self.thresholds, self.mean_f1)


def measure_run(run: RunFolder, *, resamples: int, confidence: float, seed: int) -> Measures:
    """Return everything the page shows of a run's detections.

    Args:
        run: what was found on which frames.
        resamples: bootstrap draws for the intervals.
        confidence: of the intervals, 0..1.
        seed: of the draws.

    Raises:
        EvaluationError: if the frames hold no object, or the detections cannot be scored.
    """
    coco = coco_metrics(run.frames, run.detections, run.table, engine="hotcoco")
    truth = coco_ground_truth(run.frames, run.table)
    ids = {image["frame_id"]: image["id"] for image in truth["images"]}
    rows = result_rows(run.detections, ids, run.table)
    evaluator = hotcoco_evaluator(truth, rows)
    matches = match_detections(truth, rows)
    precision, f1 = {}, {}
    for k, name in enumerate(run.table.names):
        if coco.per_class_ap[name] is None:
            continue
        precision[name] = evaluator.eval["precision"][_IOU_50, :, k, _ALL_AREAS, _HUNDRED].astype(np.float64)
        f1[name] = _f1_by_threshold(matches.classes[k])
    at = best_threshold(_THRESHOLDS, np.mean(list(f1.values()), axis=0))
    tide = evaluator.tide_errors()
    calibration = evaluator.calibration(n_bins=10)
    return Measures(
        coco=coco,
        intervals=ap_intervals(matches, resamples=resamples, confidence=confidence, seed=seed),
        kitti=_kitti(run) if run.has_images else None,
        recall=np.linspace(0, 1, 101),
        precision=precision,
        thresholds=_THRESHOLDS,
        f1=f1,
        confusion=np.asarray(evaluator.confusion_matrix(min_score=at)["matrix"], dtype=np.int64),
        tide={name: (float(tide["delta_ap"][name]), int(count)) for name, count in tide["counts"].items()},
        calibration=tuple((b["avg_confidence"], b["avg_accuracy"], b["count"]) for b in calibration["bins"]),
        calibration_error=float(calibration["ece"]),
    )


def best_threshold(thresholds: FloatArray, mean_f1: FloatArray) -> float:
    """Return the middle of the thresholds whose mean F1 is the highest: the edge of a plateau is a matter of luck."""
    top = np.flatnonzero(mean_f1 >= mean_f1.max() - 1e-9)
    return float(thresholds[top[len(top) // 2]])


def _f1_by_threshold(matches: ClassMatches) -> FloatArray:
    """Return F1 at IoU 0.5 if detections below each threshold are dropped."""
    counted = matches.counts[_IOU_50]
    drawn = _at_or_above(matches.score[counted])
    right = _at_or_above(matches.score[counted & matches.is_right[_IOU_50]])
    return 2 * right / (drawn + matches.labels.sum())


def _at_or_above(scores: FloatArray) -> FloatArray:
    """Return how many scores reach each threshold."""
    return len(scores) - np.searchsorted(np.sort(scores), _THRESHOLDS, side="left").astype(np.float64)


def _kitti(run: RunFolder) -> Mapping[str, ClassAp]:
    return kitti_ap(
        {frame.frame_id: frame.objects for frame in run.frames},
        {found.frame_id: _result_rows(found, run) for found in run.detections},
    ).official


def _result_rows(found: Detections, run: RunFolder) -> list[KittiObject]:
    return [
        KittiObject(
            type=run.table.name_of(int(class_id)),
            truncated=-1.0,
            occluded=-1,
            alpha=-10.0,
            xyxy=tuple(float(v) for v in xyxy),  # type: ignore[arg-type]
            dimensions_hwl=(-1.0, -1.0, -1.0),
            location_xyz=(-1000.0, -1000.0, -1000.0),
            rotation_y=-10.0,
            score=float(score),
        )
        for xyxy, score, class_id in zip(found.xyxy, found.scores, found.class_ids, strict=True)
    ]
