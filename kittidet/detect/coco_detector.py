"""A published COCO checkpoint as a detector that `predict` runs: all 90 outputs, untouched."""

import logging
from pathlib import Path

from kittidet.classes import coco_table
from kittidet.config import ModelConfig
from kittidet.detect.checkpoint import LoadedDetector
from kittidet.errors import CheckpointMismatchError
from kittidet.model.efficientdet import build_efficientdet
from kittidet.model.pretrained import load_checkpoint

log = logging.getLogger(__name__)


def load_coco_detector(path: Path, *, model: ModelConfig) -> LoadedDetector:
    """Return a COCO checkpoint as a detector; its class ids are COCO's, 1..90.

    Args:
        path: what ``model.pretrained.load_checkpoint`` reads.
        model: variant of the checkpoint and the canvas to predict on. Anchors are the published ones, which the
            weights were trained with, whatever ``anchor_scale`` says.

    Raises:
        CheckpointMismatchError: if the checkpoint is of another variant, is not of COCO's 90 classes, or leaves a
            variable without trained values.
    """
    table = coco_table()
    network = build_efficientdet(model.variant, len(table), model.input_hw)
    report = load_checkpoint(network, path)
    untrained = {**report.left_alone, **report.partly}
    if untrained:
        name, why = next(iter(untrained.items()))
        raise CheckpointMismatchError(
            f"{path}: {len(untrained)} variables would keep random values, for example {name}: {why}. A zero-shot "
            "baseline needs a whole COCO checkpoint of 90 classes."
        )
    log.info("zero_shot.load checkpoint=%s variables=%d", path, len(report.loaded))
    return LoadedDetector(network, table, model.model_copy(update={"anchor_scale": None}), step=0)
