"""Precision, recall and F1 at IoU .5: over recall, and over the score from which detections are kept."""

from dataclasses import dataclass

import numpy as np

from kittidet.arrays import FloatArray
from kittidet.eval.matches import ClassMatches, Matches

# Fine enough that a threshold read off the curve is within .0025 of the best one.
THRESHOLDS = np.linspace(0, 1, 201)
RECALLS = np.linspace(0, 1, 101)
_IOU_50 = 0


@dataclass(frozen=True, slots=True)
class ScoreCurves:
    """One class, or the mean of classes, at IoU .5.

    Attributes:
        precision_by_recall: ``[101]`` best precision at this recall or beyond, over ``RECALLS``.
        precision: ``[201]`` if detections below ``THRESHOLDS`` are dropped; 1 where none is left.
        recall: ``[201]`` likewise.
        f1: ``[201]`` likewise.
        best_threshold: where F1 is highest; of equals, the middle.
        best_f1: F1 there.
    """

    precision_by_recall: FloatArray
    precision: FloatArray
    recall: FloatArray
    f1: FloatArray
    best_threshold: float
    best_f1: float


def score_curves(matches: Matches) -> tuple[ScoreCurves, dict[str, ScoreCurves]]:
    """Return the curves of the mean over classes, and of each class that has ground truth.

    Raises:
        ValueError: if no class has ground truth.
    """
    by_class = {one.name: _curves_of(one) for one in matches.classes if one.labels.any()}
    if not by_class:
        raise ValueError("score curves: expected at least one class with ground truth")

    def mean(part: str) -> FloatArray:
        return np.mean([getattr(curves, part) for curves in by_class.values()], axis=0)

    return _with_best(mean("precision_by_recall"), mean("precision"), mean("recall"), mean("f1")), by_class


def _curves_of(one: ClassMatches) -> ScoreCurves:
    counts = one.counts[_IOU_50]
    score, right = one.score[counts], one.is_right[_IOU_50][counts]
    labels = int(one.labels.sum())
    hits = np.concatenate([[0], np.cumsum(right)])  # [n + 1], after the first 0, 1, ... detections
    kept = np.searchsorted(-score, -THRESHOLDS, side="right")  # detections at or above each threshold
    precision = np.divide(hits[kept], kept, out=np.ones(len(kept)), where=kept > 0)
    recall = hits[kept] / labels
    f1 = 2 * hits[kept] / (kept + labels)
    at_hits = np.flatnonzero(right)
    rising = hits[1:][at_hits] / (at_hits + 1)
    envelope = np.append(np.maximum.accumulate(rising[::-1])[::-1], 0.0)
    reached = np.searchsorted(hits[1:][at_hits] / labels, RECALLS, side="left")
    return _with_best(envelope[reached], precision, recall, f1)


def _with_best(by_recall: FloatArray, precision: FloatArray, recall: FloatArray, f1: FloatArray) -> ScoreCurves:
    # The middle of a plateau: its edges are a matter of which detections happened to be there.
    top = np.flatnonzero(f1 >= f1.max() - 1e-9)
    middle = int(top[len(top) // 2])
    return ScoreCurves(by_recall, precision, recall, f1, float(THRESHOLDS[middle]), float(f1[middle]))
