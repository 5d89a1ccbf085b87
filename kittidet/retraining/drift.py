"""Does new data look like what the champion was trained on? Four distributions, each with an interval.

The measure is the population stability index: the sum over bins of (new share - old share) x log(new / old). Frames are
drawn again, not objects, since the objects of a frame resemble each other. With few frames the index is far above 0
even where nothing drifts; the bootstrap shows by how much, and that is taken off.

Source:
    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 10 (bias) and 13 (intervals).
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from kittidet.arrays import FloatArray
from kittidet.eval.bootstrap import draw_weights
from kittidet.retraining.profile import FrameFacts

# By long habit of those who use the index: below .1 nothing to look at, from .25 on another population.
DRIFT, STRONG_DRIFT = 0.1, 0.25
CONFIDENCE = 0.95
# With fewer, the interval covers everything.
MIN_FRAMES = 10
_BINS = 10
_DRAWS = 1000

Verdict: TypeAlias = Literal["no drift", "not distinguishable", "drift", "strong drift"]


@dataclass(frozen=True, slots=True)
class Drift:
    """One distribution of the new frames against the old ones.

    Attributes:
        what: class mix, box height, brightness or image size.
        old: the old frames in a few words.
        new: the new frames in the same.
        psi: the index, its bias taken off; 0: the same.
        low: lower end of its interval.
        high: upper end.
        verdict: drift where the interval lies above `DRIFT`, no drift where it lies below.
    """

    what: str
    old: str
    new: str
    psi: float
    low: float
    high: float
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        return asdict(self)


def measure_drift(old: Sequence[FrameFacts], new: Sequence[FrameFacts], *, seed: int = 0) -> tuple[Drift, ...]:
    """Return class mix, box height, brightness and image size; empty with fewer than `MIN_FRAMES` on a side.

    Args:
        old: the frames the champion was trained on.
        new: frames it has not seen.
        seed: of the draws.
    """
    if min(len(old), len(new)) < MIN_FRAMES:
        return ()
    names = sorted({name for frame in (*old, *new) for name in frame.classes})
    place = {name: k for k, name in enumerate(names)}
    quantities: tuple[tuple[str, Callable[[FrameFacts], Sequence[float]]], ...] = (
        ("box height", lambda frame: frame.heights),
        ("brightness", lambda frame: (frame.brightness,)),
        # The geometric mean of both sides, pixels.
        ("image size", lambda frame: (float(np.sqrt(frame.size_wh[0] * frame.size_wh[1])),)),
    )
    mixes = [_histogram([[place[name] for name in frame.classes] for frame in side], len(names)) for side in (old, new)]
    found = [_compare("class mix", mixes, [_mix(side) for side in (old, new)], seed)]
    for what, of in quantities:
        values = [[np.asarray(of(frame), dtype=np.float64) for frame in side] for side in (old, new)]
        pooled = [np.concatenate(side) for side in values]
        edges = _edges(pooled[0])
        histograms = [
            _histogram([np.searchsorted(edges, row).tolist() for row in side], len(edges) + 1) for side in values
        ]
        found.append(_compare(what, histograms, [_quartiles(side) for side in pooled], seed))
    return tuple(found)


def has_drifted(drifts: Sequence[Drift]) -> bool:
    """Return whether any distribution has drifted beyond doubt."""
    return any(drift.low > DRIFT for drift in drifts)


def _compare(what: str, histograms: Sequence[FloatArray], said: Sequence[str], seed: int) -> Drift:
    """Return the index of the new histogram ``[frames, bins]`` to the old one, with its interval."""
    old, new = histograms
    psi = float(_psi(old.sum(axis=0)[None], new.sum(axis=0)[None])[0])
    draws = _psi(
        draw_weights(len(old), resamples=_DRAWS, seed=seed) @ old,
        draw_weights(len(new), resamples=_DRAWS, seed=seed + 1) @ new,
    )
    tail = 100 * (1 - CONFIDENCE) / 2
    below, above = np.percentile(draws, (tail, 100 - tail))
    # Mirrored at the index: the draws lie above it by as much as it lies above the truth.
    low, high = (max(0.0, float(2 * psi - end)) for end in (above, below))
    verdict: Verdict = (
        "strong drift"
        if low > STRONG_DRIFT
        else "drift"
        if low > DRIFT
        else "no drift"
        if high <= DRIFT
        else "not distinguishable"
    )
    return Drift(what, said[0], said[1], max(0.0, 2 * psi - float(draws.mean())), low, high, verdict)


def _psi(old: FloatArray, new: FloatArray) -> FloatArray:
    """Return the index ``[draws]`` of counts ``[draws, bins]``; half a count is added, so that no bin is empty."""
    seen = ((old > 0) | (new > 0)).any(axis=0)
    p, q = ((counts[:, seen] + 0.5) for counts in (old, new))
    p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    return ((q - p) * np.log(q / p)).sum(axis=1)


def _edges(values: FloatArray) -> FloatArray:
    """Return edges that put a tenth of the values into each bin, and what lies outside them into bins of its own."""
    if not values.size:
        return np.zeros(1)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1)))
    return np.concatenate([[np.nextafter(edges[0], -np.inf)], edges[1:] if len(edges) > 1 else edges])


def _histogram(bins: Sequence[Sequence[int]], n: int) -> FloatArray:
    """Return how often each bin is in each frame, ``[frames, n]``."""
    return np.stack([np.bincount(row, minlength=n) if len(row) else np.zeros(n) for row in bins]).astype(np.float64)


def _mix(frames: Sequence[FrameFacts]) -> str:
    names, counts = np.unique([name for frame in frames for name in frame.classes], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return ", ".join(f"{names[k]} {counts[k] / counts.sum():.0%}" for k in order) or "no object"


def _quartiles(values: FloatArray) -> str:
    if not values.size:
        return "no object"
    low, middle, high = np.percentile(values, (25, 50, 75))
    return f"{middle:.0f} ({low:.0f} to {high:.0f})"
