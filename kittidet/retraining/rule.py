"""The promotion rule: which lower bound of the difference counts, and at what level, so that a year cannot fool it.

Each comparison may promote falsely with a chance of ``alpha / looks``. However the comparisons depend on each other
(all are on the same frames, against the same champion), the chance of any false promotion in so many of them is then at
most ``alpha``; and so in every later year.

The bound is the estimate less a multiple of the bootstrap's standard error, the multiple being the normal quantile or
what it is after skewness is taken out, whichever is larger. Percentiles of the draws, at such levels, promote falsely
two to four times as often as they may (docs/retraining.md has the simulation). It holds from some 400 frames on: with
fewer, failures that are rare and bad may be in none of them.

Source:
    Hall, "On the Removal of Skewness by Transformation", Journal of the Royal Statistical Society B 54, 1992.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from kittidet.arrays import FloatArray
from kittidet.config_retrain import RetrainConfig

# Skewness to the left, rare frames on which the challenger is far worse, is what fools the normal quantile, and the
# few such frames of a sample tell too little of it.
_LEFT_SKEW_COUNTS = 2


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one comparison says of the true difference.

    Attributes:
        difference: AP of the challenger minus that of the other, 0..1.
        standard_error: of it, over other draws of the frames.
        lower_bound: what the true difference exceeds, but for a chance of ``level``.
        level: that chance.
    """

    difference: float
    standard_error: float
    lower_bound: float
    level: float


def level_of(config: RetrainConfig) -> float:
    """Return the chance of a false promotion that one comparison is allowed."""
    return config.alpha / config.looks


def weigh(differences: FloatArray, *, level: float) -> Evidence:
    """Return what paired differences say.

    Args:
        differences: ``[1 + draws]``: of the frames as they are, then of each bootstrap draw of them.
        level: chance that the bound is too high.

    Raises:
        ValueError: with fewer than 100 draws that hold a labelled object.
    """
    difference, draws = float(differences[0]), differences[1:]
    draws = draws[~np.isnan(draws)]
    if len(draws) < 100 or np.isnan(difference):
        raise ValueError(f"weigh: expected the difference and at least 100 draws, got {difference} and {len(draws)}")
    deviations = draws - draws.mean()
    error = float(draws.std(ddof=1))
    if error == 0:
        # The same detections: nothing speaks for either.
        return Evidence(difference, 0.0, min(difference, 0.0), level)
    quantile = NormalDist().inv_cdf(1 - level)
    skewness = float((deviations**3).mean()) / error**3
    skewness *= _LEFT_SKEW_COUNTS if skewness < 0 else 1
    multiple = quantile
    if abs(skewness) > 1e-6:
        without_skewness = 3 / skewness * (float(np.cbrt(1 + skewness * (quantile - skewness / 6))) - 1)
        multiple = max(quantile, without_skewness)
    return Evidence(difference, error, difference - multiple * error, level)


def is_promoted(evidence: Evidence, config: RetrainConfig) -> bool:
    """Return whether a challenger passes: surely better, or surely not worse by more than the margin."""
    return evidence.lower_bound > -margin_of(config)


def margin_of(config: RetrainConfig) -> float:
    """Return by how much AP, 0..1, a challenger may be worse."""
    return config.margin if config.rule == "not_worse" else 0.0
