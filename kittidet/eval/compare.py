"""Are detections B better than detections A? Differences with paired bootstrap intervals over the frames.

Both are scored on the same draws of the same frames, so what makes a frame hard cancels out. The verdict on AP is what
promotion asks for.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from kittidet.arrays import FloatArray
from kittidet.errors import EvaluationError
from kittidet.eval.bootstrap import all_class_ap, draw_weights, interval_of, mean_ap
from kittidet.eval.coco_format import ResultArray
from kittidet.eval.matches import match_detections

Verdict: TypeAlias = Literal["better", "not distinguishable", "worse"]

ALL_CLASSES = "all"
# Metric -> which of the ten IoU thresholds it averages.
_METRICS = {"ap": slice(None), "ap50": slice(0, 1), "ap75": slice(5, 6)}


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of one class in both runs.

    Attributes:
        metric: ``ap``, ``ap50`` or ``ap75``.
        class_name: the class, or ``all`` for the mean of classes.
        a: value in run A, 0..1; None where the class has no ground truth.
        b: value in run B.
        difference: ``b - a``.
        low: lower end of the interval of the difference.
        high: upper end.
        verdict: of B: better if the interval lies above 0, worse if below, else not distinguishable.
    """

    metric: str
    class_name: str
    a: float | None
    b: float | None
    difference: float | None
    low: float | None
    high: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Comparison:
    """Run B against run A.

    Attributes:
        run_a: name of the first run.
        run_b: name of the second.
        differences: mean of classes first, then each class; ``ap``, ``ap50``, ``ap75`` of each.
        n_frames: frames both were scored on.
        resamples: draws the intervals come from.
        confidence: share of draws inside an interval.
        seed: of the draws.
    """

    run_a: str
    run_b: str
    differences: tuple[Difference, ...]
    n_frames: int
    resamples: int
    confidence: float
    seed: int

    @property
    def verdict(self) -> Verdict:
        """Whether B is better than A by AP over all classes; what promotion asks for."""
        return self.of(ALL_CLASSES, "ap").verdict

    def of(self, class_name: str, metric: str) -> Difference:
        """Return the difference of one class and metric.

        Raises:
            ValueError: if there is none.
        """
        for item in self.differences:
            if (item.class_name, item.metric) == (class_name, metric):
                return item
        raise ValueError(f"no difference of {metric!r} for class {class_name!r}")

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON types, the verdict included."""
        return {**asdict(self), "differences": [asdict(item) for item in self.differences], "verdict": self.verdict}


def compare_results(
    ground_truth: Mapping[str, Any],
    results_a: ResultArray,
    results_b: ResultArray,
    *,
    names: tuple[str, str],
    resamples: int,
    confidence: float,
    seed: int,
) -> Comparison:
    """Return how results B differ from results A on one ground truth.

    Raises:
        EvaluationError: without any labelled object.
    """
    matches = [match_detections(ground_truth, results) for results in (results_a, results_b)]
    frames = len(matches[0].image_ids)
    if not any(one.labels.any() for one in matches[0].classes):
        raise EvaluationError(f"no ground truth: {frames} frames hold no labelled object. Compare runs on other data.")
    once = np.ones((1, frames), dtype=np.int64)
    weights = np.concatenate([once, draw_weights(frames, resamples=resamples, seed=seed)])
    # [classes, 1 + draws, 10]; the first "draw" is the data as they are.
    a, b = (all_class_ap(one, weights) for one in matches)
    differences = []
    for metric, thresholds in _METRICS.items():
        per_a, per_b = a[:, :, thresholds].mean(axis=2), b[:, :, thresholds].mean(axis=2)
        differences.append(_difference(metric, ALL_CLASSES, mean_ap(per_a), mean_ap(per_b), confidence))
        differences += [
            _difference(metric, one.name, per_a[k], per_b[k], confidence) for k, one in enumerate(matches[0].classes)
        ]
    order = {name: k for k, name in enumerate([ALL_CLASSES, *(one.name for one in matches[0].classes)])}
    differences.sort(key=lambda item: order[item.class_name])
    return Comparison(*names, tuple(differences), frames, resamples, confidence, seed)


def paired_ap(
    ground_truth: Mapping[str, Any], results_a: ResultArray, results_b: ResultArray, *, resamples: int, seed: int
) -> FloatArray:
    """Return AP of results B minus that of results A over all classes, ``[1 + resamples]``.

    The first is of the frames as they are, each other one of a draw of them; NaN where a draw holds no object.
    """
    frames = len(ground_truth["images"])
    once = np.ones((1, frames), dtype=np.int64)
    weights = np.concatenate([once, draw_weights(frames, resamples=resamples, seed=seed)])
    a, b = (
        mean_ap(all_class_ap(match_detections(ground_truth, results), weights).mean(axis=2))
        for results in (results_a, results_b)
    )
    return b - a


def _difference(metric: str, name: str, a: FloatArray, b: FloatArray, confidence: float) -> Difference:
    if np.isnan(a[0]):
        return Difference(metric, name, None, None, None, None, None, "not distinguishable")
    # A class that no draw holds says nothing: its interval is everything.
    low, high = interval_of((b - a)[1:], confidence) or (-1.0, 1.0)
    verdict: Verdict = "better" if low > 0 else "worse" if high < 0 else "not distinguishable"
    return Difference(metric, name, float(a[0]), float(b[0]), float(b[0] - a[0]), low, high, verdict)
