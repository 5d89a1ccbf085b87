"""Where a fine-tune starts: weights of an earlier checkpoint, ours or a published one."""

import logging
from pathlib import Path

from kittidet.classes import ClassTable
from kittidet.config import ModelConfig
from kittidet.errors import CheckpointMismatchError
from kittidet.model.efficientdet import EfficientDet
from kittidet.train.checkpoints import FACTS_NAME, WEIGHTS_NAME, load_weights, read_facts

log = logging.getLogger(__name__)


def load_initial_weights(network: EfficientDet, path: Path, *, model: ModelConfig, table: ClassTable) -> None:
    """Load the weights that training starts from.

    Args:
        network: receives them.
        path: a checkpoint folder of this project, whose class table and variant must be the same (its canvas may
            differ); or anything that ``model.pretrained.load_checkpoint`` reads, which keeps what fits.
        model: the detector that is trained.
        table: the class table of the records.

    Raises:
        CheckpointMismatchError: naming both sides, if variant or class table differ, or the weights do not fit.
    """
    if (path / FACTS_NAME).is_file():
        facts = read_facts(path)
        if facts.model.variant != model.variant:
            raise CheckpointMismatchError(
                f"{path}: weights of {facts.model.variant}, expected {model.variant}. "
                f"Set model.variant={facts.model.variant} or choose other train.initial_weights."
            )
        if facts.table.names != table.names:
            raise CheckpointMismatchError(
                f"{path}: its classes are {list(facts.table.names)}, those of the records {list(table.names)}. "
                "Write the records with the same class table, or choose other train.initial_weights."
            )
        load_weights(network, path / WEIGHTS_NAME)
        log.info("fit.start checkpoint=%s step=%d", path, facts.step)
        return
    # Imported here: published formats bring readers that a run on its own checkpoints does not need.
    from kittidet.model.pretrained import load_checkpoint  # noqa: PLC0415

    load_checkpoint(network, path)
    log.info("fit.start checkpoint=%s", path)
