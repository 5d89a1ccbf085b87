"""What happens between steps and epochs: checks of the loss, and everything a finished epoch writes to disk."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras

from kittidet.config import TrainConfig
from kittidet.detect.checkpoint import DetectorFacts, keep_newest, write_checkpoint
from kittidet.errors import TrainingError
from kittidet.progress import in_words
from kittidet.training.history import EpochReport, write_history
from kittidet.training.optimizer import FineTuneOptimizer, averaged_weights
from kittidet.training.resume import Progress, save_state

log = logging.getLogger(__name__)

_PARTS = ("loss", "cls_loss", "box_loss", "iou_loss", "l2_loss", "num_positives")


class LossGuard(keras.callbacks.Callback):
    """Stops a run whose loss shows that it cannot succeed.

    Raises:
        TrainingError: at the first step whose loss is not finite, with the parts of the loss; and after an epoch
            with a box loss of exactly 0 although there were objects.
    """

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Check the running mean of the loss, which stays non-finite after one bad step."""
        if logs is None or math.isfinite(float(logs["loss"])):
            return
        step = int(self.model.optimizer.iterations)
        parts = ", ".join(f"{name} {float(logs[name]):.6g}" for name in _PARTS)
        raise TrainingError(
            f"step {step} (batch {batch + 1} of its epoch): the loss is not finite: {parts}. Nothing since the last "
            "finished epoch was saved. Lower train.learning_rate (try a tenth) or train.clip_norm, or give "
            "the warm-up more epochs; then run the same command again."
        )

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Check that the box loss is not zero while there are objects."""
        if logs is not None and logs["num_positives"] > 0 and logs["box_loss"] == 0:
            raise TrainingError(
                f"epoch {epoch + 1}: box_loss is exactly 0 with {logs['num_positives']:.1f} anchors on objects per "
                "batch: no box is being learned. The records' coordinates are not 0..1, or the boxes are outside "
                "the network's input. Run `kittidet inspect` on the records."
            )


@dataclass(eq=False, kw_only=True)
class EpochEnd(keras.callbacks.Callback):
    """Writes the results of a finished epoch: checkpoint when due, state to resume from, history, a log line.

    The order makes a kill at any moment harmless: whatever comes after the state is written again from it.

    Args:
        work_dir: the run's folder.
        detector_facts: step and epoch -> the facts stored with a checkpoint.
        network: whose weights go into checkpoints.
        optimizer: holds the moving averages.
        variables: groups of all variables that training changes.
        identity: digest of the run.
        rows: the history so far; appended to.
        train: the recipe: length of the run, how often it leaves a checkpoint (the last epoch always does), and how
            many are kept.
        on_epoch: called after each epoch, when everything is written.
    """

    work_dir: Path
    detector_facts: Callable[[int, int], DetectorFacts]
    network: keras.Model
    optimizer: FineTuneOptimizer
    variables: Mapping[str, Sequence[Any]]
    identity: str
    rows: list[dict[str, Any]]
    train: TrainConfig
    on_epoch: Callable[[EpochReport], None] | None
    started_s: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        super().__init__()

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self.started_s = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write everything, then report."""
        done = epoch + 1
        step = int(self.optimizer.iterations)
        report = EpochReport(
            epoch=done,
            step=step,
            learning_rate=float(self.optimizer.learning_rate),
            seconds=round(time.perf_counter() - self.started_s, 3),
            **{name: float((logs or {})[name]) for name in _PARTS},
        )
        self.rows.append(asdict(report))
        if done % self.train.checkpoint_every_epochs == 0 or done == self.train.epochs:
            folder = self.work_dir / "checkpoints"
            with averaged_weights(self.optimizer):
                write_checkpoint(folder, self.network, self.detector_facts(step, done))
            keep_newest(folder, self.train.keep_checkpoints)
        save_state(self.work_dir / "resume", self.variables, Progress(done, step, self.rows), identity=self.identity)
        write_history(self.work_dir / "history.csv", self.rows)
        log.info(
            "fit.epoch epoch=%d/%d step=%d loss=%.4f cls=%.4f box=%.5f l2=%.4f positives=%.1f lr=%.5f seconds=%.1f",
            *(done, self.train.epochs, step, report.loss, report.cls_loss, report.box_loss, report.l2_loss),
            *(report.num_positives, report.learning_rate, report.seconds),
            extra=in_words(self._describe(report)),
        )
        if self.on_epoch is not None:
            self.on_epoch(report)

    def _describe(self, report: EpochReport) -> str:
        rate = self.params["steps"] * self.train.batch_size / report.seconds
        left_min = round((self.train.epochs - report.epoch) * report.seconds / 60)
        more = f", about {left_min} min left" if left_min else ""
        return (
            f"epoch {report.epoch} of {self.train.epochs}: loss {report.loss:.4f} (class {report.cls_loss:.4f}, box "
            f"{report.box_loss:.5f}), learning rate {report.learning_rate:.2g}, {rate:.2g} images/s{more}"
        )
