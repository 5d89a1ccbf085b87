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
# What scoring costs, in images trained on (D0, frozen batch norm, two cores: docs/training.md). Decoding boxes,
# suppression and loading the checkpoint take as long for a small input, on which a training step takes less.
_REFERENCE_PIXELS = 384 * 1280
_COST_OF_IMAGE, _COST_OF_ITS_BOXES, _COST_OF_LOADING = 0.15, 0.09, 1.8


def scoring_interval(train: TrainConfig, *, n_train: int, n_val: int, input_hw: tuple[int, int]) -> int:
    """Return after how many epochs the validation set is scored: as asked, or longer where that would cost too much.

    Estimated from the numbers of images, not from a clock, so that the same run always scores the same epochs.

    Args:
        train: the recipe.
        n_train: images of an epoch.
        n_val: images of the validation set.
        input_hw: network input, pixels.

    Returns:
        1 or more; 0 if nothing is scored before the end.
    """
    if train.evaluate_every_epochs == 0:
        return 0
    smaller = _REFERENCE_PIXELS / (input_hw[0] * input_hw[1])
    cost = n_val * (_COST_OF_IMAGE + _COST_OF_ITS_BOXES * smaller) + _COST_OF_LOADING * smaller
    return max(train.evaluate_every_epochs, math.ceil(cost / n_train / _LARGEST_SHARE))


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
    # Who extends a training that had stalled asks for more: patience begins anew where the shorter one ended.
    return bool(best) and rows[-1]["epoch"] - max(epoch_of[best[0]], *train.extends, 0) >= train.patience_epochs
