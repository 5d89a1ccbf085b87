"""A training step on several devices of one machine: the update of the whole batch, each device a share of the work.

`tf.distribute.MirroredStrategy` runs what makes gradients on every device, and lets batch norms agree on their
statistics. Weights, optimiser and averages stay plain variables of the first device, changed once a step outside of the
strategy. So there is nothing that could differ between devices: clipping, averages, states and checkpoints are those of
one device (ADR 0019). `training.devices` says which devices there are.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kittidet.config import TrainConfig
from kittidet.training.accumulation import AccumulatingDetector, row_of, split_rows


class ReplicatedDetector(AccumulatingDetector):
    """A detector whose training step divides its batch among devices.

    Args:
        network: as in `TrainableDetector`; its variables are made outside of any strategy.
        anchors_xyxy: as there.
        recipe: as there.
        micro_batch: images in the memory of a device at a time; their number times that of devices divides the batch.
        devices: names of the devices, such as ``GPU:0``.
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        anchors_xyxy: npt.NDArray[np.float32],
        recipe: TrainConfig,
        micro_batch: int,
        devices: Sequence[str],
    ) -> None:
        super().__init__(network, anchors_xyxy=anchors_xyxy, recipe=recipe, micro_batch=micro_batch)
        self.strategy = tf.distribute.MirroredStrategy(list(devices))

    @property
    def num_devices(self) -> int:
        """How many devices share a part."""
        return int(self.strategy.num_replicas_in_sync)

    def summed(self, values_of: Callable[[dict[str, Any]], list[Any]], part: dict[str, Any]) -> list[Any]:
        """Return the values of a part, summed over the devices, each of which works out those of its share."""
        shares = split_rows(part, self.num_devices)

        def on_device() -> list[Any]:
            return values_of(row_of(shares, tf.distribute.get_replica_context().replica_id_in_sync_group))

        values = self.strategy.run(on_device)
        # Summed here, not by each device: the optimiser reads the sums where the weights are.
        return [tf.add_n(self.strategy.experimental_local_results(value)) for value in values]
