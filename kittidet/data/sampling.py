"""How often a frame is drawn in an epoch: once, or more often where it shows a class that few frames have.

Source:
    Gupta, Dollar, Girshick, "LVIS: A Dataset for Large Vocabulary Instance Segmentation", 2019 (arXiv 1908.03195),
    repeat factor sampling.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kittidet.progress import in_words
from kittidet.records.example import LABEL
from kittidet.records.manifest import RecordsManifest
from kittidet.records.message import decode_example
from kittidet.records.shard import read_records

log = logging.getLogger(__name__)

Tensor = Any


def class_factors(frames_with: npt.NDArray[np.int64], num_frames: int, *, threshold: float) -> npt.NDArray[np.float64]:
    """Return for each class how often a frame that shows it is to be drawn: ``max(1, sqrt(threshold / share))``.

    Args:
        frames_with: ``[k]`` number of frames that show the class.
        num_frames: of all.
        threshold: share of the frames below which a class is rare, 0..1.
    """
    share = frames_with / num_frames
    # Nothing shows a class without frames.
    return np.maximum(1.0, np.sqrt(threshold / np.where(share > 0, share, np.inf)))


def repeat_factors(records_dir: Path, manifest: RecordsManifest, *, threshold: float) -> npt.NDArray[np.float32]:
    """Return ``[n]`` how often each frame of a folder of records is to be drawn, 1 or more: as its rarest class.

    Raises:
        RecordError: if a record is damaged.
    """
    shown = [
        frozenset(decode_example(payload, where=shard.name)[LABEL][1])
        for shard in manifest.shards
        for payload in read_records(records_dir / shard.name)
    ]
    names = manifest.table.names
    frames_with = np.array([sum(i in labels for labels in shown) for i in range(1, len(names) + 1)])
    factors = class_factors(frames_with, len(shown), threshold=threshold)
    rare = {name: factor for name, factor in zip(names, factors.tolist(), strict=True) if factor > 1}
    said = ", ".join(f"{name} {factor:.2g} times" for name, factor in rare.items()) or "no class is rare"
    log.info("pipeline.repeats threshold=%g %s", threshold, said, extra=in_words(f"frames with rare classes: {said}"))
    return np.array([max((factors[i - 1] for i in labels), default=1.0) for labels in shown], dtype=np.float32)


def repeated_places(factors: npt.NDArray[np.float32], *, seed: Sequence[int], epoch: Tensor) -> Tensor:
    """Return ``[m]`` int64 places, frame index plus the number of frames for every earlier use, in no random order.

    A factor of 2.4 is two uses, and a third with a chance of .4, drawn anew for each epoch.

    Args:
        factors: ``[n]``, of `repeat_factors`.
        seed: two numbers; of the run, and what tells this draw from its others.
        epoch: scalar int64.
    """
    key = tf.random.fold_in(tf.constant(list(seed), tf.int64), epoch)
    whole = np.floor(factors)
    more = tf.random.stateless_uniform([len(factors)], seed=key) < factors - whole
    uses = tf.cast(whole, tf.int64) + tf.cast(more, tf.int64)
    use = tf.range(tf.reduce_sum(uses)) - tf.repeat(tf.cumsum(uses, exclusive=True), uses)
    return tf.repeat(tf.range(len(factors), dtype=tf.int64), uses) + use * len(factors)
