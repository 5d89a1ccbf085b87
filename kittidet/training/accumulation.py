"""A training step in parts: the memory of a small batch, the update of a large one.

Keras' own ``gradient_accumulation_steps`` is not used: its schedule and moving average jump when it is changed, and
the loss of each part would be divided by the objects of that part. Here a step still gets the whole batch, sums the
gradients of its parts in a loop, divides by the objects of all, and updates once: rate, average, clipping and epoch
count updates, as they do without parts.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kittidet.config import TrainConfig
from kittidet.training.model import TrainableDetector


class AccumulatingDetector(TrainableDetector):
    """A detector whose training step goes through its batch in parts, on TensorFlow.

    Batch norms in training would see the statistics of a part, as with a batch of that size; random draws (drop
    connect) are made part by part.

    Args:
        network: as in `TrainableDetector`.
        anchors_xyxy: as there.
        recipe: as there.
        micro_batch: images in a part; divides the batch.
    """

    def __init__(
        self, network: keras.Model, *, anchors_xyxy: npt.NDArray[np.float32], recipe: TrainConfig, micro_batch: int
    ) -> None:
        super().__init__(network, anchors_xyxy=anchors_xyxy, recipe=recipe)
        self.micro_batch = micro_batch

    @property
    def num_devices(self) -> int:
        """How many devices share a part."""
        return 1

    def train_step(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the running means after one update from a batch; called by ``fit``."""
        size = batch["image"].shape[0]
        count = size // (self.micro_batch * self.num_devices)
        parts = split_rows(batch, count)
        # One after the other, so that the memory of one part is free before the next; a loop in the graph, so that
        # the graph does not grow with their number.
        positives = _sum_over(count, lambda i: self.summed(self._positives_of, row_of(parts, i)), [0.0])
        normalizer = 1.0 + positives[0]
        names = list(self.trackers)
        zeros = [tf.zeros(v.shape) for v in self.trainable_variables]

        def gradients_of(part: dict[str, Any]) -> list[Any]:
            with tf.GradientTape() as tape:
                losses = self.loss_parts(part, self(part, training=True), normalizer=normalizer)
                # The penalty on weights and the count of objects are those of the whole batch, in each part.
                whole = count * self.num_devices
                losses = {n: v / whole if n in {"l2_loss", "num_positives"} else v for n, v in losses.items()}
                loss = self.weighted(losses)
                scaled = self.optimizer.scale_loss(loss)
            gradients = tape.gradient(scaled, [v.value for v in self.trainable_variables])
            return [loss, *(tf.cast(losses[name], "float32") for name in names), *gradients]

        sums = _sum_over(
            count, lambda i: self.summed(gradients_of, row_of(parts, i)), [0.0, *[0.0] * len(names), *zeros]
        )
        loss, losses, gradients = sums[0], sums[1 : 1 + len(names)], sums[1 + len(names) :]
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        self.track(dict(zip(names, losses, strict=True)))
        self._loss_tracker.update_state(loss, sample_weight=size)
        return self.get_metrics_result()

    def summed(self, values_of: Callable[[dict[str, Any]], list[Any]], part: dict[str, Any]) -> list[Any]:
        """Return the values of a part, each a sum over its images."""
        return values_of(part)

    def _positives_of(self, part: dict[str, Any]) -> list[Any]:
        return [tf.reduce_sum(self.targets_of(part).num_positives)]


def split_rows(batch: dict[str, Any], count: int) -> dict[str, Any]:
    """Return a batch as so many equal parts, ``[count, b, ...]``."""
    return {name: tf.reshape(value, [count, -1, *value.shape[1:]]) for name, value in batch.items()}


def row_of(parts: dict[str, Any], i: Any) -> dict[str, Any]:
    """Return one of the parts."""
    return {name: value[i] for name, value in parts.items()}


def _sum_over(count: int, values_of: Callable[[Any], list[Any]], zeros: list[Any]) -> list[Any]:
    if count == 1:
        return values_of(0)

    def add(i: Any, *sums: Any) -> tuple[Any, ...]:
        return (i + 1, *(total + value for total, value in zip(sums, values_of(i), strict=True)))

    start = (tf.constant(0), *(tf.convert_to_tensor(z, "float32") for z in zeros))
    return list(tf.while_loop(lambda i, *_: i < count, add, start, parallel_iterations=1)[1:])
