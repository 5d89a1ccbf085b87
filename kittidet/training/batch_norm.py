"""What batch norm does in a fine-tune: learn, keep its statistics, or measure them again on the new images first.

Statistics of other images are what a start from weights is wrong about first, and what a few images can mend: no weight
needs to change for it.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

import keras
import numpy as np

from kittidet.config import BatchNormMode, TrainConfig
from kittidet.model.normalization import BatchNorm, batch_norms, freeze_batch_norm
from kittidet.progress import in_words

log = logging.getLogger(__name__)

# Below this many images per step, batch statistics are too noisy for a network that starts from good ones.
_SMALL_BATCH = 16
IN_WORDS: Final[Mapping[BatchNormMode, str]] = {
    "frozen": "frozen",
    "refresh_then_freeze": "measured on the training images, then frozen",
    "affine": "learns with its statistics kept",
    "train": "trained",
}


def mode_of(train: TrainConfig) -> BatchNormMode:
    """Return what batch norm does: as configured, else frozen for small batches that start from weights.

    Statistics are not frozen by default after a random start, which has none worth keeping.
    """
    if train.batch_norm != "auto":
        return train.batch_norm
    return "frozen" if train.initial_weights is not None and train.batch_size < _SMALL_BATCH else "train"


def apply_mode(network: keras.Model, mode: BatchNormMode) -> None:
    """Make the batch norms of a network learn or keep what a mode says; before its optimiser is built."""
    if mode in {"frozen", "refresh_then_freeze"}:
        freeze_batch_norm(network)
    for norm in batch_norms(network):
        if isinstance(norm, BatchNorm):
            norm.keeps_statistics = mode == "affine"


def refresh_statistics(network: keras.Model, images: Iterable[Any]) -> int:
    """Replace the moving statistics by those of all activations on some batches; return how many batches there were.

    Each batch is passed as in training, normalised by its own statistics (and with drop connect, where the variant
    has it), so that every layer is measured on what the mended layers before it will give. The variance is that of all
    values: the mean of the batches' variances and the variance of their means. No weight changes.

    Args:
        network: its batch norms may be frozen, and stay so.
        images: batches ``[b, h, w, 3]``, normalised.

    Source:
        Wu and Johnson, "Rethinking Batch in BatchNorm", 2021 (arXiv 2105.07576), section 3.
    """
    norms = batch_norms(network)
    before = [(norm.trainable, norm.momentum) for norm in norms]
    sums = [np.zeros((3, norm.moving_mean.shape[0])) for norm in norms]  # of mean, mean squared, variance
    count = 0
    for norm in norms:
        # After a step with no memory the moving statistics are those of the batch.
        norm.trainable, norm.momentum = True, 0.0
    try:
        for batch in images:
            network(batch, training=True)
            count += 1
            for norm, total in zip(norms, sums, strict=True):
                mean, variance = (_float64(v) for v in (norm.moving_mean, norm.moving_variance))
                total[:] += (mean, mean**2, variance)
    finally:
        for norm, (trainable, momentum) in zip(norms, before, strict=True):
            norm.trainable, norm.momentum = trainable, momentum
    if not count:
        raise ValueError("refresh_statistics: expected batches to measure, got none")
    for norm, total in zip(norms, sums, strict=True):
        mean, squared, variance = total / count
        norm.moving_mean.assign(mean)
        norm.moving_variance.assign(variance + np.maximum(squared - mean**2, 0.0))
    log.info(
        "fit.refresh batches=%d batch_norms=%d",
        *(count, len(norms)),
        extra=in_words(f"batch norm statistics measured on {count} training batches"),
    )
    return count


def _float64(variable: Any) -> Any:
    return keras.ops.convert_to_numpy(variable).astype(np.float64)
