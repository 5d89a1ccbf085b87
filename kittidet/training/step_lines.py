"""What a person reads while an epoch runs: a plan, and now and then how far it is and how long is left."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from kittidet.config import TrainConfig
from kittidet.progress import in_words, time_left
from kittidet.training.devices import describe_devices
from kittidet.training.pace import read_pace, write_pace

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
        micro_batch: images in the memory of a device at a time.
        devices: names of those that share a batch.
        steps: of the optimiser so far.
        folder: remembers the pace for a run that goes on; None: nothing does.
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
        devices: Sequence[str] = ("CPU:0",),
        folder: Path | None = None,
        peak: int | None = None,
        memory: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.train = train
        self.steps_per_epoch = steps_per_epoch
        self.micro_batch = micro_batch
        self.devices = devices
        self.folder = folder
        self.steps = steps
        self.peak = peak
        self.memory = memory
        self.clock = clock
        # When the first step was done, and how many there were since: float16's optimiser leaves some out.
        self.first_s: float | None = None
        self.paced = 0
        self.said_s = self.begun_s = 0.0
        self.scoring_s = self.epoch_end_s = 0.0

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Say what is going to be done; once, though a training of several parts begins several times."""
        del logs
        if self.begun_s:
            return
        self.begun_s = self.said_s = self.clock()
        batch, left = self.train.batch_size, self.train.epochs * self.steps_per_epoch - self.steps()
        devices = len(self.devices)
        share = batch // devices
        parts = f", {share} on each of {devices} devices" if devices > 1 else ""
        count = share // self.micro_batch
        parts += f", {self.micro_batch} in memory at a time, {count} times" if count > 1 else ""
        takes = "" if self.peak is None else f"about {self.peak / _GB:.1f} of {self.memory / _GB:.0f} GB of memory; "
        pace = None if self.folder is None else read_pace(self.folder, self._way)
        lasts = "the time left is said after the first steps"
        if pace is not None:
            lasts = f"{pace:.2g} s a step when it last ran{time_left(left * pace)}"
        log.info(
            "fit.plan steps_per_epoch=%d steps_left=%d batch_size=%d micro_batch=%d devices=%s "
            "predicted_peak=%s memory=%d seconds_per_step=%s",
            *(self.steps_per_epoch, left, batch, self.micro_batch, ",".join(self.devices)),
            *(self.peak, self.memory, pace),
            extra=in_words(
                f"{left} steps to go, {self.steps_per_epoch} an epoch, {batch} image{'s' * (batch > 1)} a step{parts}; "
                f"{takes}{lasts}; building the step takes up to a minute on a processor"
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
        if self.first_s is None:
            # The first step holds the building of the graph; the rate is that of the others.
            self.first_s = self.said_s = now
            log.info("fit.built seconds=%.1f", now - self.begun_s)
            return
        step = self.steps()
        self.paced += 1
        rate = self.paced / max(now - self.first_s - self.scoring_s, 1e-6)
        left_s = (self.train.epochs * self.steps_per_epoch - step) / rate
        if self.paced == _PACED:
            if self.folder is not None:
                write_pace(self.folder, self._way, 1 / rate)
            log.info(
                "fit.pace seconds_per_step=%.3f",
                1 / rate,
                extra=in_words(f"{1 / rate:.2g} s a step{time_left(left_s)}"),
            )
        if now - self.said_s < _EVERY_S or logs is None:
            return
        self.said_s = now
        epoch, done = divmod(max(step - 1, 0), self.steps_per_epoch)
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
        if self.first_s is not None:
            self.said_s = self.clock()
            self.scoring_s += self.said_s - self.epoch_end_s

    @property
    def _way(self) -> str:
        return f"{describe_devices(self.devices)}, {self.micro_batch} at a time"

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note when the steps of an epoch were over."""
        del epoch, logs
        self.epoch_end_s = self.clock()
