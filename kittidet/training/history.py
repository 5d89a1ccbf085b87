"""The history of a run: one row per epoch, for ``history.csv`` and for progress callbacks."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from PIL import Image

from kittidet.files import write_text_atomic


@dataclass(frozen=True, slots=True)
class EpochReport:
    """The figures of an epoch; losses are means over its steps.

    Attributes:
        epoch: counted from 1.
        step: optimiser steps so far.
        learning_rate: at the end of the epoch.
        loss: the total that is minimised.
        cls_loss: focal part, unweighted.
        box_loss: Huber part, unweighted.
        iou_loss: IoU part, unweighted; 0 if off.
        l2_loss: penalty on kernels; 0 with AdamW.
        num_positives: anchors with an object, per batch.
        seconds: duration without the scoring; of an epoch that was interrupted, since the last start.
        val_ap: COCO AP of the averaged weights on the validation set; None where the epoch was not scored.
        val_ap50: the same at IoU .50.
        score_seconds: duration of the scoring.
    """

    epoch: int
    step: int
    learning_rate: float
    loss: float
    cls_loss: float
    box_loss: float
    iou_loss: float
    l2_loss: float
    num_positives: float
    seconds: float
    val_ap: float | None = None
    val_ap50: float | None = None
    score_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ValScores:
    """COCO scores of a checkpoint on the validation set.

    Attributes:
        ap: over all classes, 0..1.
        ap50: at IoU .50.
        per_class_ap: class name -> AP; None for a class without an object in the set.
        images: a few of the set with what was found in them: frame id and image.
    """

    ap: float
    ap50: float
    per_class_ap: Mapping[str, float | None]
    images: Sequence[tuple[str, Image.Image]] = ()


@dataclass(frozen=True, slots=True)
class ValidationSet:
    """How checkpoints are scored while they are made.

    Attributes:
        score: the folder of a checkpoint -> its scores.
        num_frames: of the set; decides how often it is scored.
    """

    score: Callable[[Path], ValScores]
    num_frames: int


def write_history(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write all rows as CSV, atomically."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [f.name for f in fields(EpochReport)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text_atomic(path, text.getvalue())
