"""Which epochs are scored, which of their checkpoints stay, and when a training has stopped improving.

Pure functions of the recipe and the history: a run that was killed and resumed decides as an undisturbed one does.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from kittidet.config import TrainConfig

Rows = Sequence[Mapping[str, Any]]

# Scoring may take at most this share of the time of training.
_LARGEST_SHARE = 0.1
# An image's cost in scoring as a share of its cost in training. The forward pass alone is 0.19 of a step with frozen
# batch norm, 0.13 of one without (D0 at 512x512 on two cores, benchmarks/RESULTS.md); the rest is room for reading,
# suppression and matching.
_COST_OF_SCORING = 0.25


def scoring_interval(train: TrainConfig, *, n_train: int, n_val: int) -> int:
    """Return after how many epochs the validation set is scored: as asked, or longer where that would cost too much.

    Estimated from the numbers of images, not from a clock, so that the same run always scores the same epochs.

    Args:
        train: the recipe.
        n_train: images of an epoch.
        n_val: images of the validation set.

    Returns:
        1 or more; 0 if nothing is scored before the end.
    """
    if train.evaluate_every_epochs == 0:
        return 0
    share = n_val * _COST_OF_SCORING / n_train
    return max(train.evaluate_every_epochs, math.ceil(share / _LARGEST_SHARE))


def is_due(epoch: int, every: int, epochs: int) -> bool:
    """Return whether something happens after this epoch (from 1): each ``every``-th and the last; never if 0."""
    return every > 0 and (epoch % every == 0 or epoch == epochs)


def best_steps(rows: Rows, count: int) -> list[int]:
    """Return the steps of the ``count`` epochs with the highest validation AP, best first; of equals the earliest."""
    scored = [row for row in rows if row["val_ap"] is not None]
    return [row["step"] for row in sorted(scored, key=lambda row: (-row["val_ap"], row["step"]))[:count]]


def kept_steps(written: Sequence[int], rows: Rows, train: TrainConfig) -> frozenset[int]:
    """Return which of the written checkpoints stay: the newest, and those with the best validation AP.

    Args:
        written: their steps, oldest first.
        rows: the history.
        train: how many of each.
    """
    return frozenset({*written[-train.keep_checkpoints :], *best_steps(rows, train.average_best)})


def has_stalled(rows: Rows, train: TrainConfig) -> bool:
    """Return whether the best validation AP is more than ``train.patience_epochs`` old."""
    if train.patience_epochs is None:
        return False
    best = best_steps(rows, 1)
    epoch_of = {row["step"]: row["epoch"] for row in rows}
    return bool(best) and rows[-1]["epoch"] - epoch_of[best[0]] >= train.patience_epochs
