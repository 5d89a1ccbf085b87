"""The mean of several checkpoints of one training: often better than each, and one more candidate for the pick.

Source:
    Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018 (arXiv 1803.05407).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from kittidet.detect.checkpoint import WEIGHTS_NAME, Checkpoint, DetectorFacts, load_weights, write_checkpoint


def write_average(
    folder: Path, network: keras.Model, checkpoints: Sequence[Checkpoint], facts: DetectorFacts
) -> Checkpoint:
    """Write the mean of the weights and statistics of checkpoints as ``average-<step>`` and return it.

    Args:
        folder: receives it.
        network: of the checkpoints' kind; holds the mean afterwards.
        checkpoints: two or more; the newest gives step and epoch.
        facts: what the weights mean.

    Raises:
        CheckpointMismatchError: if a checkpoint does not fit the network.
    """
    total: list[np.ndarray] | None = None
    for checkpoint in checkpoints:
        load_weights(network, checkpoint.path / WEIGHTS_NAME)
        values = [value.astype(np.float64) for value in network.get_weights()]
        total = values if total is None else [a + b for a, b in zip(total, values, strict=True)]
    if total is None:
        raise ValueError("expected checkpoints to average, got none")
    network.set_weights([value / len(checkpoints) for value in total])
    newest = max(checkpoints, key=lambda c: c.step)
    steps = tuple(sorted(c.step for c in checkpoints))
    return write_checkpoint(folder, network, replace(facts, step=newest.step, epoch=newest.epoch, average_of=steps))
