"""What is odd about the records of both sides, said before the first step: none of it shows in a loss.

What cannot be learned from at all is refused by `preflight`, and by the steps that come before.
"""

import logging
from collections.abc import Iterator

from kittidet.records.manifest import RecordsManifest

log = logging.getLogger(__name__)


def check_data(train: RecordsManifest, val: RecordsManifest, *, batch_size: int, max_detections: int) -> None:
    """Warn of each thing that a person would want to know before hours of training.

    Args:
        train: what is learned from.
        val: what is scored on.
        batch_size: images a step.
        max_detections: of an image, that are scored.

    Raises:
        ConfigError: if the two have different class tables.
    """
    train.table.check_same(val.table, here="the training records", there="the validation records")
    for sentence in _oddities(train, val, batch_size, max_detections):
        log.warning("%s", sentence)


def _oddities(train: RecordsManifest, val: RecordsManifest, batch_size: int, max_detections: int) -> Iterator[str]:
    names = train.table.names
    learned = [name for name in names if train.counts[name]]
    if len(learned) == 1 and len(names) > 1:
        yield (
            f"all {train.num_objects:,} objects to learn from are of one class, {learned[0]}: the others "
            f"({', '.join(name for name in names if name not in learned)}) will not be found. Name the classes that "
            "the labels have in records.classes"
        )
    unseen = {name: val.counts[name] for name in names if val.counts[name] and not train.counts[name]}
    if unseen:
        counts = ", ".join(f"{name} {count:,}" for name, count in unseen.items())
        yield (
            f"the validation set has objects of classes that the training set has none of: {counts}. Their AP will be "
            "near 0 and lowers the mean: use another split, or take them out of records.classes"
        )
    if batch_size > train.num_frames:
        yield (
            f"train.batch_size {batch_size} is more than the {train.num_frames} training frames: each step shows "
            f"frames several times, changed differently. Set train.batch_size={train.num_frames} or less"
        )
    if val.max_objects > max_detections:
        yield (
            f"a validation frame has {val.max_objects} objects, of which at most {max_detections} can be found "
            f"(evaluation.max_detections). Set evaluation.max_detections={val.max_objects} or more to score them all"
        )
