"""How much AP would change with other frames of the same roads: AP of resampled, weighted frames, many times.

A frame that is drawn twice weighs two. Nothing is matched again, so a thousand draws of a validation split take
seconds, and both runs of a comparison see the same draws.

Source:
    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 6 and 13 (percentile interval).
"""

import numpy as np

from kittidet.arrays import FloatArray, IntArray
from kittidet.eval.matches import IOU_THRESHOLDS, ClassMatches, Matches

_RECALLS = np.linspace(0, 1, 101)


def draw_weights(frames: int, *, resamples: int, seed: int) -> IntArray:
    """Return how often each frame is drawn, ``[resamples, frames]``: with replacement, as many as there are.

    Raises:
        ValueError: without frames or draws.
    """
    if frames < 1 or resamples < 1:
        raise ValueError(f"expected frames and resamples >= 1, got {frames} and {resamples}")
    rng = np.random.default_rng(seed)
    return rng.multinomial(frames, np.full(frames, 1 / frames), size=resamples)


def class_ap(matches: ClassMatches, weights: IntArray) -> FloatArray:
    """Return AP ``[draws, 10]`` at IoU .50 to .95 of one class, frames weighted; NaN where no label is drawn.

    With every weight 1 this is COCO's AP of the class.

    Args:
        matches: of the class.
        weights: ``[draws, frames]``.
    """
    labels = weights @ matches.labels  # [draws]
    right = [np.flatnonzero(row) for row in matches.is_right]
    # Regions that are ignored are rare: without any, one running sum serves all ten overlaps.
    ignores = [not row.all() for row in matches.counts]
    ap = np.full((len(weights), len(IOU_THRESHOLDS)), np.nan)
    for draw in np.flatnonzero(labels > 0):
        weight = weights[draw, matches.image]
        detected = np.cumsum(weight)
        for t, places in enumerate(right):
            seen = np.cumsum(weight * matches.counts[t]) if ignores[t] else detected
            ap[draw, t] = _average_precision(weight[places], seen[places], int(labels[draw]))
    return ap


def mean_ap(by_class: FloatArray) -> FloatArray:
    """Return the mean over classes ``[draws]`` of ``[classes, draws]``; classes that were not drawn are left out."""
    drawn = ~np.isnan(by_class)
    count = drawn.sum(axis=0)
    total = np.where(drawn, by_class, 0).sum(axis=0)
    return np.divide(total, count, out=np.full(by_class.shape[1], np.nan), where=count > 0)


def all_class_ap(matches: Matches, weights: IntArray) -> FloatArray:
    """Return ``[classes, draws, 10]``: `class_ap` of every class."""
    return np.stack([class_ap(one, weights) for one in matches.classes])


def interval_of(draws: FloatArray, confidence: float) -> tuple[float, float] | None:
    """Return the percentile interval of ``[draws]`` values, NaN left out; None where there is none.

    Args:
        draws: one value a draw.
        confidence: share of draws inside, 0..1.
    """
    known = draws[~np.isnan(draws)]
    if not known.size:
        return None
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(known, (tail, 100 - tail))
    return float(low), float(high)


def _average_precision(weight: IntArray, detected: IntArray, labels: int) -> float:
    """Return the 101-point AP from the right detections, best first: only at these can precision count.

    Args:
        weight: ``[n]`` of each right detection's frame.
        detected: ``[n]`` weight of all detections up to and with it.
        labels: weight of all labels.
    """
    hits = np.cumsum(weight)
    precision = hits / np.maximum(detected, 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    reached = np.searchsorted(hits / labels, _RECALLS, side="left")
    return float(np.append(envelope, 0.0)[reached].mean())
