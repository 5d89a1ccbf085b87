"""Random draws that do not depend on order: a generator per purpose, and values from published quantiles."""

from collections.abc import Sequence

import numpy as np


def draws_for(*key: int) -> np.random.Generator:
    """Return the random generator of a key; equal keys give equal draws, whatever was drawn before."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(list(key))))


def from_quantiles(draws: np.random.Generator, quantiles: Sequence[float]) -> float:
    """Return a draw from the piecewise linear distribution with these 5, 25, 50, 75 and 95 % quantiles.

    Below 5 % and above 95 % the line of the neighbouring quantiles is extended.
    """
    u = float(draws.random())
    q = (0.05, 0.25, 0.5, 0.75, 0.95)
    k = min(3, sum(u >= edge for edge in q[1:4]))
    return quantiles[k] + (quantiles[k + 1] - quantiles[k]) * (u - q[k]) / (q[k + 1] - q[k])


def pick(draws: np.random.Generator, weights: Sequence[float]) -> int:
    """Return an index drawn with the given weights."""
    u, total = float(draws.random()) * sum(weights), 0.0
    for i, weight in enumerate(weights):
        total += weight
        if u < total:
            return i
    return len(weights) - 1
