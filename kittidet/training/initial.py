"""The initial weights of a fine-tune: an earlier checkpoint, ours or a published one."""

import logging
from collections.abc import Mapping
from pathlib import Path

from kittidet.classes import COCO_CLASSES, ClassTable, coco_table, match_classes
from kittidet.config import ModelConfig
from kittidet.detect.checkpoint import FACTS_NAME, WEIGHTS_NAME, load_weights, read_facts
from kittidet.errors import CheckpointMismatchError
from kittidet.model.checkpoint_files import read_checkpoint
from kittidet.model.efficientdet import EfficientDet
from kittidet.model.pretrained import coco_class_map, load_checkpoint
from kittidet.model.reference_names import CLASS_ROWS
from kittidet.model.scaling import ANCHORS_PER_CELL
from kittidet.progress import in_words

log = logging.getLogger(__name__)


def load_initial_weights(network: EfficientDet, path: Path, *, model: ModelConfig, table: ClassTable) -> None:
    """Load the initial weights into a network.

    Args:
        network: receives them.
        path: a checkpoint folder of this project with the same variant (the input size may differ); or anything that
            ``model.pretrained.load_checkpoint`` reads. Where the classes differ, each takes the rows of the one
            that means the same (``classes.match_classes``); classes without one start at random.
        model: the detector to be trained.
        table: the class table of the records.

    Raises:
        CheckpointMismatchError: naming both sides, if the variants differ, or the weights do not fit.
    """
    if (path / FACTS_NAME).is_file():
        facts = read_facts(path)
        if facts.model.variant != model.variant:
            raise CheckpointMismatchError(
                f"{path}: weights of {facts.model.variant}, expected {model.variant}. "
                f"Set model.variant={facts.model.variant} or choose other train.initial_weights."
            )
        if facts.table.names == table.names:
            load_weights(network, path / WEIGHTS_NAME)
        else:
            class_map = match_classes(table, facts.table)
            load_checkpoint(network, path / WEIGHTS_NAME, class_map=class_map)
            _log_classes(table, facts.table, class_map)
        log.info("fit.start checkpoint=%s step=%d", path, facts.step)
        return
    report = load_checkpoint(network, path)
    if set(CLASS_ROWS) & set(report.left_alone) and _is_coco(path, network):
        # Car, person, truck and train start from their COCO rows: a working detector instead of random rows.
        class_map = coco_class_map(table)
        report = load_checkpoint(network, path, class_map=class_map)
        _log_classes(table, coco_table(), class_map)
    log.info(
        "fit.start checkpoint=%s loaded=%d in_part=%d left_alone=%d",
        *(path, len(report.loaded), len(report.partly), len(report.left_alone)),
    )


def _log_classes(ours: ClassTable, theirs: ClassTable, class_map: Mapping[int, int]) -> None:
    pairs = [f"{ours.name_of(our_id)} from {theirs.name_of(their_id)}" for our_id, their_id in class_map.items()]
    rest = [name for class_id, name in enumerate(ours.names, start=1) if class_id not in class_map]
    sentence = f"classes that start from weights: {', '.join(pairs) or 'none'}; at random: {', '.join(rest) or 'none'}"
    log.info("fit.start classes=%s at_random=%s", pairs, rest, extra=in_words(sentence))


def _is_coco(path: Path, network: EfficientDet) -> bool:
    biases = read_checkpoint(path, network).get(CLASS_ROWS[1])
    return biases is not None and biases.shape == (COCO_CLASSES * ANCHORS_PER_CELL,)
