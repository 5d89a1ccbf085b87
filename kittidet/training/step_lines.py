"""What a person reads while an epoch runs: a plan, and now and then how far it is and how long is left."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import keras

from kittidet.config import TrainConfig
from kittidet.progress import in_words, time_left

log = logging.getLogger(__name__)

_EVERY_S = 30.0
# Steps after the first, which holds the building of the graph, from which the pace is told.
_PACED = 3
_GB = 1e9


class StepLines(keras.callbacks.Callback):
    """Logs a plan before the first step, and a line every half minute inside an epoch.

    Args:
        train: the recipe.
        steps_per_epoch: batches in an epoch.
        micro_batch: images in memory at a time.
        steps: of the optimiser so far.
        peak: predicted memory, bytes; None: not known.
        memory: that there is, bytes.
        clock: seconds from any start.
    """

    def __init__(
        self,
        train: TrainConfig,
        *,
        steps_per_epoch: int,
        micro_batch: int,
        steps: Callable[[], int],
        peak: int | None = None,
        memory: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.train = train
        self.steps_per_epoch = steps_per_epoch
        self.micro_batch = micro_batch
        self.steps = steps
        self.peak = peak
        self.memory = memory
        self.clock = clock
        self.first: tuple[int, float] | None = None
        self.said_s = self.begun_s = 0.0
        self.scoring_s = self.epoch_end_s = 0.0

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Say what is going to be done; once, though a training of several parts begins several times."""
        del logs
        if self.begun_s:
            return
        self.begun_s = self.said_s = self.clock()
        batch, left = self.train.batch_size, self.train.epochs * self.steps_per_epoch - self.steps()
        parts = f", {self.micro_batch} in memory at a time" if self.micro_batch < batch else ""
        takes = "" if self.peak is None else f"about {self.peak / _GB:.1f} of {self.memory / _GB:.0f} GB of memory; "
        log.info(
            "fit.plan steps_per_epoch=%d steps_left=%d batch_size=%d micro_batch=%d predicted_peak=%s memory=%d",
            *(self.steps_per_epoch, left, batch, self.micro_batch, self.peak, self.memory),
            extra=in_words(
                f"{left} steps to go, {self.steps_per_epoch} an epoch, {batch} image{'s' * (batch > 1)} a step{parts}; "
                f"{takes}building the step takes up to a minute on a processor"
            ),
        )
        if self.peak is not None and self.peak > self.memory:
            log.warning(
                "the training will need about %.1f GB of memory, of which there are %.1f: the system may end it. "
                "Choose a smaller model.input_hw, model.variant or train.batch_size",
                *(self.peak / _GB, self.memory / _GB),
            )

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Say the pace once it is known, and how far it is where the last line is old enough."""
        del batch
        now = self.clock()
        if self.first is None:
            # The first step holds the building of the graph; the rate is that of the others.
            self.first, self.said_s = (self.steps(), now), now
            log.info("fit.built seconds=%.1f", now - self.begun_s)
            return
        step = self.steps()
        rate = (step - self.first[0]) / max(now - self.first[1] - self.scoring_s, 1e-6)
        left_s = (self.train.epochs * self.steps_per_epoch - step) / rate
        if step - self.first[0] == _PACED:
            log.info(
                "fit.pace seconds_per_step=%.3f",
                1 / rate,
                extra=in_words(f"{1 / rate:.2g} s a step{time_left(left_s)}"),
            )
        if now - self.said_s < _EVERY_S or logs is None:
            return
        self.said_s = now
        epoch, done = divmod(step - 1, self.steps_per_epoch)
        log.info(
            "fit.step epoch=%d step=%d loss=%.4f steps_per_s=%.3f left_s=%.0f",
            *(epoch + 1, step, float(logs["loss"]), rate, left_s),
            extra=in_words(
                f"epoch {epoch + 1} of {self.train.epochs}, step {done + 1} of {self.steps_per_epoch}: loss "
                f"{float(logs['loss']):.4f} (class {float(logs['cls_loss']):.4f}, box {float(logs['box_loss']):.5f}), "
                f"{rate * self.train.batch_size:.2g} images/s{time_left(left_s)}"
            ),
        )

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Leave what lay between two epochs out of the rate, and begin the half minute at the line of the last one."""
        del epoch, logs
        if self.first is not None:
            self.said_s = self.clock()
            self.scoring_s += self.said_s - self.epoch_end_s

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note when the steps of an epoch were over."""
        del epoch, logs
        self.epoch_end_s = self.clock()
