"""How much AP would change with other frames of the same roads: AP of resampled, weighted frames, many times.

A frame that is drawn twice weighs two. Nothing is matched again, so a thousand draws of a validation split take
seconds, and both runs of a comparison see the same draws.

Source:
    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 6 and 13 (percentile interval).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kittidet.arrays import BoolArray, FloatArray, IntArray
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
    wanted = _hits_at_recalls(labels)  # [draws, 101]
    right = _RightDetections.of(matches)
    ap = np.full((len(weights), len(IOU_THRESHOLDS)), np.nan)
    for draw in np.flatnonzero(labels > 0):
        ap[draw] = right.average_precision(weights[draw], wanted[draw])
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


@dataclass(frozen=True, slots=True)
class _RightDetections:
    """Where precision can count: the right detections of a class, laid out so that a draw costs few passes.

    Attributes:
        image: ``[n]`` frames of all detections up to the last that is right, best first.
        starts: ``[p]`` where each right detection's stretch begins: behind the one before it.
        places: ``[p]`` the detections that are right at any overlap.
        place: ``[s]`` which of them is right at the first overlap, then at the second, ...; a 0 after each overlap.
        ends: ``[10]`` where these zeros are.
        ignores: overlap -> ``[n]`` which detections count, where some are on ignored regions.
    """

    image: IntArray
    starts: IntArray
    places: IntArray
    place: IntArray
    ends: IntArray
    ignores: Mapping[int, BoolArray]

    @classmethod
    def of(cls, matches: ClassMatches) -> "_RightDetections":
        places = np.flatnonzero(matches.is_right.any(axis=0))
        by_overlap = [np.append(np.flatnonzero(row), 0) for row in matches.is_right[:, places]]
        image = matches.image[: places.max(initial=-1) + 1]
        # Such regions are rare: without any, one running sum serves all ten overlaps.
        ignores = {t: counts[: len(image)] for t, counts in enumerate(matches.counts) if not counts.all()}
        ends = np.cumsum([len(one) for one in by_overlap]) - 1
        return cls(image, np.append(0, places + 1)[:-1], places, np.concatenate(by_overlap), ends, ignores)

    def average_precision(self, weights: IntArray, wanted: IntArray) -> FloatArray:
        """Return the 101-point AP ``[10]`` of a draw.

        Args:
            weights: ``[frames]``.
            wanted: ``[101]`` hits at each recall, the last of all labels.
        """
        if not self.places.size:
            return np.zeros(len(self.ends))
        weight = weights.take(self.image)
        gained = weight.take(self.places).take(self.place)
        # More than any recall wants: one that an overlap never reaches is found at its end, where precision is 0.
        gained[self.ends] = wanted[-1] + 1
        hits = np.cumsum(gained)
        before = np.append(0, hits[self.ends[:-1]])  # each overlap's sum goes on from that of the one before
        lengths = np.diff(self.ends, prepend=-1)
        precision = (hits - np.repeat(before, lengths)) / np.maximum(self._detected(weight, lengths), 1)
        precision[self.ends] = 0
        reached = np.searchsorted(hits, (before[:, None] + wanted).ravel(), side="left")
        best = np.maximum.reduceat(precision, reached).reshape(len(before), -1)
        return np.maximum.accumulate(best[:, ::-1], axis=1)[:, ::-1].mean(axis=1)

    def _detected(self, weight: IntArray, lengths: IntArray) -> IntArray:
        """Return ``[s]`` weight of all detections up to and with each right one."""
        detected = np.cumsum(np.add.reduceat(weight, self.starts)).take(self.place)
        for t, counts in self.ignores.items():
            mine = slice(self.ends[t] + 1 - lengths[t], self.ends[t] + 1)
            detected[mine] = np.cumsum(np.add.reduceat(weight * counts, self.starts)).take(self.place[mine])
        return detected


def _hits_at_recalls(labels: IntArray) -> IntArray:
    """Return ``[draws, 101]`` the fewest hits that reach each recall of ``[draws]`` labels, as floats compare."""
    total = np.maximum(labels, 1)[:, None]
    fewest = np.ceil(_RECALLS * total)
    fewest -= (fewest - 1) / total >= _RECALLS
    fewest += fewest / total < _RECALLS
    return fewest.astype(np.int64)
