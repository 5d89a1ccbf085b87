"""Stops inside an epoch that cost little: the state is saved every few minutes, and when a signal asks to end."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import keras
import numpy as np

from kittidet.training.resume import Progress

log = logging.getLogger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequestedError(Exception):
    """A signal asked the training to stop; its state is saved."""


@dataclass(slots=True)
class Received:
    """Which signal came in, if any."""

    number: int | None = None


@contextmanager
def deferred_signals() -> Iterator[Received]:
    """Note SIGTERM and Ctrl-C inside the block, and let them do after it what they would have done at once.

    Only the main thread can do so; in another one nothing changes. A signal that the process ignores stays ignored, as
    Ctrl-C is by what a script starts in the background.
    """
    received = Received()
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def note(number: int, _frame: FrameType | None) -> None:
        received.number = number

    noted = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, note) for number in noted}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if received.number is not None:
            signal.raise_signal(received.number)


@dataclass(eq=False, kw_only=True)
class EpochState(keras.callbacks.Callback):
    """Saves the state inside an epoch, and brings back its sums when the run goes on there.

    Args:
        save: writes a state.
        rows: the history, which the end of an epoch appends to.
        resumed: where the run goes on; None at its start.
        sums: variables of the epoch's mean losses, which ``fit`` clears when an epoch begins.
        steps: of the optimiser so far.
        steps_per_epoch: batches in an epoch; what follows its last one saves the state itself.
        received: a signal that asks to stop.
        every_s: time between two states, seconds.

    Raises:
        StopRequestedError: after the step in which the signal came, when its state is saved.
    """

    save: Callable[[Progress], None]
    rows: list[dict[str, Any]]
    resumed: Progress | None
    sums: list[Any]
    steps: Callable[[], int]
    steps_per_epoch: int
    received: Received
    every_s: float
    batch: int = field(default=0, init=False)
    saved_s: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        super().__init__()
        self.brought: list[np.ndarray] = []
        if self.resumed is not None and self.resumed.batch:
            self.brought = [keras.ops.convert_to_numpy(variable) for variable in self.sums]

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Go on with the sums of the epoch that was interrupted."""
        del epoch, logs
        self.saved_s = time.monotonic()
        self.batch = 0
        if self.brought and self.resumed is not None:
            self.batch = self.resumed.batch
            for variable, value in zip(self.sums, self.brought, strict=True):
                variable.assign(value)
            self.brought = []

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Save where it is time to, or where the process is asked to end."""
        del batch, logs
        self.batch += 1
        asked = self.received.number is not None
        if self.batch == self.steps_per_epoch or not (asked or time.monotonic() - self.saved_s >= self.every_s):
            return
        progress = Progress(len(self.rows), self.steps(), self.rows, self.batch)
        self.save(progress)
        self.saved_s = time.monotonic()
        if asked:
            self._stop(f"in epoch {progress.epoch + 1}, after step {progress.step}")

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Stop where the process is asked to end; comes after what has saved the state of the epoch's end."""
        del logs
        if self.received.number is not None:
            self._stop(f"after epoch {epoch + 1}, step {self.steps()}")

    def _stop(self, where: str) -> None:
        log.warning("training stopped %s; its state is saved, and the same command goes on from there", where)
        raise StopRequestedError
