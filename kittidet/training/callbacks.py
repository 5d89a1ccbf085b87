"""What happens at the end of an epoch: everything that it writes to disk, and the line that it prints."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import keras
from PIL import Image

from kittidet.config import TrainConfig
from kittidet.detect.checkpoint import DetectorFacts, keep_steps, list_checkpoints, write_checkpoint
from kittidet.progress import in_words, time_left
from kittidet.training.guards import PARTS
from kittidet.training.history import EpochReport, ValScores, write_history
from kittidet.training.keeping import has_stalled, is_due, kept_steps
from kittidet.training.optimizer import FineTuneOptimizer, averaged_weights
from kittidet.training.resume import Progress

log = logging.getLogger(__name__)


@dataclass(eq=False, kw_only=True)
class EpochEnd(keras.callbacks.Callback):
    """Writes and scores a finished epoch: checkpoint when due, AP, state to resume from, history, a log line.

    The order makes a kill at any moment harmless: whatever comes after the state is written again from it. What is
    scored is the checkpoint on disk, so the AP of an epoch is that of the weights a person can load.

    Args:
        work_dir: the run's folder.
        detector_facts: stored with each checkpoint, with its step and epoch.
        network: whose weights go into checkpoints.
        optimizer: holds the moving averages.
        save: writes a state to resume from.
        rows: the history so far; appended to.
        train: the recipe: length of the run, how often it leaves a checkpoint (the last epoch always does), how
            many are kept, and when it has stalled.
        score: the folder of a checkpoint -> its scores on the validation set; None: nothing is scored.
        score_every: after how many epochs.
        on_epoch: called after each epoch, when everything is written.
        show: is handed a few scored images with what was found in them, and the step.
    """

    work_dir: Path
    detector_facts: DetectorFacts
    network: keras.Model
    optimizer: FineTuneOptimizer
    save: Callable[[Progress], None]
    rows: list[dict[str, Any]]
    train: TrainConfig
    score: Callable[[Path], ValScores] | None
    score_every: int
    on_epoch: Callable[[EpochReport], None] | None
    show: Callable[[Sequence[tuple[str, Image.Image]], int], None] | None = None
    started_s: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        super().__init__()

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self.started_s = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write and score, then report; ends the training where it has stalled."""
        done = epoch + 1
        step = int(self.optimizer.iterations)
        seconds = round(time.perf_counter() - self.started_s, 3)
        scores = self._write_checkpoint(done, step)
        scored_s = time.perf_counter() - self.started_s - seconds
        report = EpochReport(
            epoch=done,
            step=step,
            learning_rate=float(self.optimizer.learning_rate),
            seconds=seconds,
            val_ap=None if scores is None else scores.ap,
            val_ap50=None if scores is None else scores.ap50,
            score_seconds=0.0 if scores is None else round(scored_s, 3),
            **{name: float((logs or {})[name]) for name in PARTS},
        )
        self.rows.append(asdict(report))
        self.save(Progress(done, step, self.rows))
        self.drop_checkpoints()
        write_history(self.work_dir / "history.csv", self.rows)
        if scores is not None and logs is not None:
            # TensorBoard's callback comes after this one and shows what the logs hold, validation as `val_`.
            shown = {"AP": scores.ap, "AP50": scores.ap50, **scores.per_class_ap}
            cast("dict[str, Any]", logs).update({f"val_{name}": ap for name, ap in shown.items() if ap is not None})
        if scores is not None and scores.images and self.show is not None:
            self.show(scores.images, step)
        self._report(report)
        if has_stalled(self.rows, self.train):
            log.info("fit.stalled epoch=%d patience_epochs=%d", done, self.train.patience_epochs)
            self.model.stop_training = True

    def drop_checkpoints(self) -> None:
        """Remove the checkpoints that are neither among the newest nor among the best."""
        written = [c.step for c in list_checkpoints(self._checkpoints) if not c.average_of]
        keep_steps(self._checkpoints, kept_steps(written, self.rows, self.train))

    def _write_checkpoint(self, done: int, step: int) -> ValScores | None:
        """Write the averaged weights where a checkpoint is due or the epoch is scored; return the scores."""
        score = self.score if is_due(done, self.score_every, self.train.epochs) else None
        if score is None and not is_due(done, self.train.checkpoint_every_epochs, self.train.epochs):
            return None
        facts = replace(self.detector_facts, step=step, epoch=done)
        with averaged_weights(self.optimizer):
            written = write_checkpoint(self._checkpoints, self.network, facts)
        return None if score is None else score(written.path)

    def _report(self, report: EpochReport) -> None:
        log.info(
            "fit.epoch epoch=%d/%d step=%d loss=%.4f cls=%.4f box=%.5f l2=%.4f positives=%.1f lr=%.5f seconds=%.1f "
            "ap=%s ap50=%s score_seconds=%.1f",
            *(report.epoch, self.train.epochs, report.step),
            *(report.loss, report.cls_loss, report.box_loss, report.l2_loss),
            *(report.num_positives, report.learning_rate, report.seconds),
            *(report.val_ap, report.val_ap50, report.score_seconds),
            extra=in_words(self._describe(report)),
        )
        if self.on_epoch is not None:
            self.on_epoch(report)

    def _describe(self, report: EpochReport) -> str:
        rate = self.params["steps"] * self.train.batch_size / max(report.seconds, 1e-3)
        more = time_left((self.train.epochs - report.epoch) * (report.seconds + report.score_seconds))
        ap = ""
        if report.val_ap is not None and report.val_ap50 is not None:
            best = max((row for row in self.rows if row["val_ap"] is not None), key=lambda row: row["val_ap"])
            earlier = f"best {best['val_ap']:.3f}, epoch {best['epoch']}"
            place = "the best so far" if best["epoch"] == report.epoch else earlier
            ap = f"AP {report.val_ap:.3f} ({place}), AP50 {report.val_ap50:.3f}, "
        return (
            f"epoch {report.epoch} of {self.train.epochs}: {ap}loss {report.loss:.4f} (class {report.cls_loss:.4f}, "
            f"box {report.box_loss:.5f}), learning rate {report.learning_rate:.2g}, {rate:.2g} images/s{more}"
        )

    @property
    def _checkpoints(self) -> Path:
        return self.work_dir / "checkpoints"
