"""What TensorBoard shows beside the curves of epochs: each step, the recipe, and what is found in a few images.

Keras' own callback keeps the curves of epochs and of the validation. What is here goes into folders of its own: two
writers in one folder hide each other's curves, and Keras' ``update_freq`` shows running means, not steps.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.image import metadata as image_metadata

from kittidet.config import TrainConfig
from kittidet.training.optimizer import FineTuneOptimizer

STEPS = "steps"


class StepCurves(keras.callbacks.Callback):
    """Writes the loss, its parts, the rate and the norm of the gradient of every step.

    Args:
        folder: TensorBoard's; the curves are in ``steps`` there.
        optimizer: has the step, the rate and the norm before clipping.
        recipe: shown beside AP among the hyper-parameters.
    """

    def __init__(self, folder: Path, *, optimizer: FineTuneOptimizer, recipe: TrainConfig) -> None:
        super().__init__()
        self.folder = folder
        self.optimizer = optimizer
        self.recipe = recipe
        self.writer: Any = None
        self.before: Mapping[str, tuple[float, float]] | None = None

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Write the recipe; once, though a training of several parts begins several times."""
        del logs
        if self.writer is not None:
            return
        self.writer = tf.summary.create_file_writer(str(self.folder / STEPS))
        with tf.summary.create_file_writer(str(self.folder)).as_default():
            ap = [hparams.Metric(f"epoch_{name}", group="validation", display_name=name) for name in ("AP", "AP50")]
            hparams.hparams_config(hparams=[], metrics=ap)
            hparams.hparams(flat(self.recipe.model_dump(mode="json")))

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Begin with the sums of this epoch, which are not 0 where it goes on."""
        del epoch, logs
        self.before = None

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note the sums that the step adds to."""
        del batch, logs
        if self.before is None:
            self.before = self._sums()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write what the step added to the sums of its epoch: its own values, not the means so far."""
        del batch, logs
        now, before = self._sums(), self.before or {}
        values = {name: (now[name][0] - total) / (now[name][1] - count) for name, (total, count) in before.items()}
        self.before = now
        step = int(self.optimizer.iterations)
        with self.writer.as_default():
            for name, value in values.items():
                tf.summary.scalar(name, value, step=step)
            tf.summary.scalar("gradient_norm", float(self.optimizer.gradient_norm), step=step)
            # That of the update that was made, not of the one to come.
            tf.summary.scalar("learning_rate", self._rate(step - 1), step=step)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Let whoever watches see the epoch."""
        del epoch, logs
        self.writer.flush()

    def show(self, jpeg: bytes, size_wh: tuple[int, int], step: int) -> None:
        """Show an image of what is found, as JPEG bytes: a tenth of the PNG that ``tf.summary.image`` writes."""
        parts: Sequence[Any] = [*(str(side).encode() for side in size_wh), jpeg]
        about = image_metadata.create_summary_metadata(display_name=None, description="")
        with self.writer.as_default():
            tf.summary.write("predictions", tf.constant(parts), step=step, metadata=about)

    def _sums(self) -> dict[str, tuple[float, float]]:
        metrics = [m for m in self.model.metrics if isinstance(m, keras.metrics.Mean)]
        return {m.name: (float(m.total), float(m.count)) for m in metrics}

    def _rate(self, step: int) -> float:
        schedule = self.optimizer._learning_rate  # noqa: SLF001  Keras shows the rate of the next step alone
        return float(schedule(step) if callable(schedule) else schedule)


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, bool | float | str]:
    """Return nested settings by their dotted names, each as one of the types that TensorBoard shows."""
    found: dict[str, bool | float | str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value if isinstance(value, bool | int | float | str) else str(value)
    return found
