"""Checks between steps: a run whose loss shows that it cannot succeed ends or speaks, with the likely cause."""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from kittidet.errors import TrainingError

log = logging.getLogger(__name__)

PARTS = ("loss", "cls_loss", "box_loss", "iou_loss", "l2_loss", "num_positives")
# Batches without a single anchor on an object, and objects that they should have held, after which it is no accident.
_BATCHES_WITHOUT, _OBJECTS_MISSED = 50, 500
# An epoch whose mean loss is this many times the lowest so far is not learning any more.
_DIVERGED = 2.0
# Of the factor that float16's losses are scaled by, which halves at each gradient that is not finite. Gradients that
# overflow unscaled will not get better.
_SMALLEST_SCALE = 1.0


class NotFiniteError(TrainingError):
    """A step's loss, or the weights after it, are not numbers."""


class LossGuard(keras.callbacks.Callback):
    """Watches the loss of a run.

    Args:
        rows: the history so far, which the end of an epoch appends to.
        objects_per_batch: on average; where objects are rare, batches without one are not.

    Raises:
        NotFiniteError: at the first step whose loss is not finite, with the parts of the loss; where
            float16's gradients are not finite even unscaled. A step that was left out for its scale is no fault.
        TrainingError: where no anchor lies on an object for 50 batches (more where objects are rare) or an epoch, and
            after an epoch with a box loss of exactly 0 although there were objects.
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]], *, objects_per_batch: float) -> None:
        super().__init__()
        self.rows = rows
        self.patience = max(_BATCHES_WITHOUT, math.ceil(_OBJECTS_MISSED / objects_per_batch))

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Check the running means of the epoch, which stay non-finite after one bad step, and 0 if nothing is above."""
        if logs is None:
            return
        if not math.isfinite(float(logs["loss"])):
            step = int(self.model.optimizer.iterations)
            parts = ", ".join(f"{name} {float(logs[name]):.6g}" for name in PARTS)
            raise NotFiniteError(f"step {step} (batch {batch + 1} of its epoch): the loss is not finite: {parts}.")
        scale = getattr(self.model.optimizer, "dynamic_scale", None)
        if scale is not None and float(scale) < _SMALLEST_SCALE:
            raise NotFiniteError(
                f"batch {batch + 1} of its epoch: float16 gradients are not finite even unscaled (scale "
                f"{float(scale):g}). Choose train.precision=mixed_bfloat16 or float32."
            )
        if batch + 1 == self.patience:
            self._check_objects(logs, f"the first {batch + 1} batches")

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Check that there were objects, that the box loss is not zero, and that the loss has not grown."""
        if logs is None:
            return
        self._check_objects(logs, f"epoch {epoch + 1}")
        if logs["box_loss"] == 0:
            raise TrainingError(
                f"epoch {epoch + 1}: box_loss is exactly 0 with {logs['num_positives']:.1f} anchors on objects per "
                "batch: no box is being learned. The records' coordinates are not 0..1, or the boxes are outside "
                "the network's input. Run `kittidet inspect` on the records."
            )
        self._warn_of_divergence(epoch, logs)

    def _check_objects(self, logs: Mapping[str, Any], where: str) -> None:
        if logs["num_positives"] == 0:
            raise TrainingError(
                f"{where}: no anchor lies on an object, so nothing can be learned. The boxes are outside the network's "
                "input or lost in the augmentation (train.augment.scale_min), or lie inside DontCare regions. Run "
                "`kittidet inspect` on the records."
            )

    def _warn_of_divergence(self, epoch: int, logs: Mapping[str, Any]) -> None:
        # The end of this epoch may have been appended already.
        earlier = [row for row in self.rows if row["epoch"] <= epoch]
        if not earlier:
            return
        best = min(earlier, key=lambda row: float(row["loss"]))
        if not logs["loss"] > _DIVERGED * best["loss"]:
            return
        grown = {name: float(logs[name]) / max(best[name], 1e-9) for name in ("cls_loss", "box_loss", "l2_loss")}
        part = max(grown, key=lambda name: grown[name])
        log.warning(
            "epoch %d: the loss %.4g is %.1f times that of epoch %d, most of all %s (%.1f times). The learning rate is "
            "the likely cause: try train.learning_rate at a third, or a larger train.batch_size",
            *(epoch + 1, logs["loss"], logs["loss"] / best["loss"], best["epoch"], part, grown[part]),
        )
