"""Records -> batches, with tf.data. The order is a function of (seed, epoch) and of nothing else.

Shards are indexed once (lengths only), then frames are read by their place. So an epoch is a true shuffle of all
frames rather than of what fits a buffer of encoded images, memory stays flat, and a run that resumes at epoch e sees
what the undisturbed run would have seen.
"""

import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kittidet.config import AugmentConfig
from kittidet.data.augment import augment as augment_example
from kittidet.data.augment import draw
from kittidet.data.parse import parse_example
from kittidet.data.sampling import repeat_factors, repeated_places
from kittidet.detect.preprocess import boxes_to_input, normalise_pad, preprocess
from kittidet.errors import RecordError
from kittidet.records.manifest import RecordsManifest
from kittidet.records.reader import RecordReader

Tensor = Any
Element = dict[str, Tensor]

_PREFETCH_BATCHES = 2


def steps_per_epoch(num_frames: int, batch_size: int) -> int:
    """Return how many batches one training epoch has: whole batches only, and never none."""
    return max(1, num_frames // batch_size)


def training_batches(
    records_dir: Path,
    *,
    input_hw: tuple[int, int],
    batch_size: int,
    augment: AugmentConfig,
    seed: int,
    epochs: int,
    first_epoch: int = 0,
    first_batch: int = 0,
    pixel_mean: tuple[float, ...],
    pixel_std: tuple[float, ...],
    images_dir: Path | None = None,
    repeat_threshold: float | None = None,
) -> tf.data.Dataset:
    """Return the batches of epochs ``first_epoch`` to ``epochs - 1``, one after the other, from ``first_batch`` on.

    Each epoch has ``steps_per_epoch`` batches, all full: what is left over after the last whole batch is another
    part of the data in every epoch. A set smaller than one batch fills it by repeating frames, each time changed by
    other draws.

    Args:
        records_dir: a folder that ``records.write`` made.
        input_hw: network input, pixels.
        batch_size: frames.
        augment: random changes.
        seed: of order and changes.
        epochs: where the run ends, counted from 0.
        first_epoch: where this data set starts, for a run that goes on.
        first_batch: the first batch of that epoch, for a run that goes on inside it.
        pixel_mean: per channel, 0..255.
        pixel_std: per channel, 0..255.
        images_dir: the folder of the images, of records that refer to them.
        repeat_threshold: frames with a class that a smaller share of the frames show are drawn more often; see
            `sampling`. None: all equally often.

    Returns:
        Elements with static shapes: ``image`` ``[b, h, w, 3]`` float32 normalised; ``boxes_xyxy`` ``[b, n, 4]``
        float32 input pixels and ``class_ids`` ``[b, n]`` int32, 0 after the last; ``dont_care_xyxy`` ``[b, m, 4]``
        float32 input pixels, 0 after the last, and where records have regions of one class ``dont_care_class_ids``
        ``[b, m]`` int32, 0 where a region is of all; ``frame_id`` ``[b]`` string; ``original_wh`` ``[b, 2]`` int32;
        ``letterbox`` ``[b, 4]`` float32 (scale_x, scale_y, offset_x, offset_y: input = original * scale + offset).

    Raises:
        RecordError: if the records are incomplete or their framing is damaged. A damaged payload is met later, while
            iterating, and reaches the caller as TensorFlow's ``tf.errors.OpError`` with the same message.
    """
    if batch_size < 1 or first_batch < 0 or not 0 <= first_epoch < epochs:
        raise ValueError(
            f"training_batches: expected batch_size >= 1, first_batch >= 0 and 0 <= first_epoch < epochs, "
            f"got {batch_size}, {first_batch}, {first_epoch}, {epochs}"
        )
    reader = RecordReader(records_dir, images_dir)
    manifest, read = reader.manifest, _as_op(reader)
    num_frames = manifest.num_frames
    steps = steps_per_epoch(num_frames, batch_size)
    factors = None if repeat_threshold is None else repeat_factors(records_dir, manifest, threshold=repeat_threshold)

    def order_of(epoch: Tensor) -> tf.data.Dataset:
        order = _epoch_order(num_frames, steps * batch_size, seed, epoch, factors)
        done = tf.where(tf.equal(epoch, first_epoch), first_batch * batch_size, 0)
        places = tf.data.Dataset.from_tensor_slices(order[done:])
        return places.map(lambda place: (epoch, place))

    def load(epoch: Tensor, place: Tensor) -> Element:
        example = parse_example(read(place % num_frames))
        # `place` and not the frame's index: a frame that is repeated within an epoch is changed differently.
        changed = augment_example(example, draw(seed, epoch, place), config=augment, input_hw=input_hw)
        image = normalise_pad(changed["image"], input_hw=input_hw, pixel_mean=pixel_mean, pixel_std=pixel_std)
        # Slivers that a crop leaves of objects join the DontCare regions.
        return _finish({**changed, "image": image}, manifest, slivers=manifest.max_objects)

    batches = (
        tf.data.Dataset.range(first_epoch, epochs)
        .flat_map(order_of)
        .map(load, num_parallel_calls=_cores(), deterministic=True)
        .batch(batch_size, drop_remainder=True)
    )
    return batches.apply(
        tf.data.experimental.assert_cardinality(steps * (epochs - first_epoch) - first_batch)
    ).prefetch(_PREFETCH_BATCHES)


def evaluation_batches(
    records_dir: Path,
    *,
    input_hw: tuple[int, int],
    batch_size: int,
    pixel_mean: tuple[float, ...],
    pixel_std: tuple[float, ...],
    images_dir: Path | None = None,
    places: Sequence[int] | None = None,
) -> tf.data.Dataset:
    """Return every frame once, unchanged, in the order of the shards; the last batch may be smaller.

    Args:
        records_dir: a folder that ``records.write`` made.
        input_hw: network input, pixels.
        batch_size: frames.
        pixel_mean: per channel, 0..255.
        pixel_std: per channel, 0..255.
        images_dir: the folder of the images, of records that refer to them.
        places: of the frames that are wanted, counted from 0 in that order; None: all.

    Returns:
        Elements as in `training_batches`; ``letterbox`` leads detections back to the original frame
        (``Letterbox.from_row(row).to_original``).

    Raises:
        RecordError: if the records are incomplete or their framing is damaged. A damaged payload is met later, while
            iterating, and reaches the caller as TensorFlow's ``tf.errors.OpError`` with the same message.
    """
    if batch_size < 1:
        raise ValueError(f"evaluation_batches: expected batch_size >= 1, got {batch_size}")
    reader = RecordReader(records_dir, images_dir)
    manifest, read = reader.manifest, _as_op(reader)

    def load(index: Tensor) -> Element:
        example = parse_example(read(index))
        image, row = preprocess(example["image"], input_hw=input_hw, pixel_mean=pixel_mean, pixel_std=pixel_std)
        placed = {
            **example,
            "image": image,
            "boxes_xyxy": boxes_to_input(example["boxes_xyxy"], row),
            "dont_care_xyxy": boxes_to_input(example["dont_care_xyxy"], row),
            "letterbox": row,
        }
        return _finish(placed, manifest, slivers=0)

    wanted = tf.constant(range(manifest.num_frames) if places is None else places, tf.int64)
    frames = tf.data.Dataset.from_tensor_slices(wanted).map(load, num_parallel_calls=_cores(), deterministic=True)
    return frames.batch(batch_size).prefetch(_PREFETCH_BATCHES)


def _cores() -> int:
    return os.cpu_count() or 1


@contextmanager
def plain_record_errors() -> Iterator[None]:
    """Raise the error of a damaged record that batches end with, in place of TensorFlow's error around it.

    Raises:
        RecordError: as reading the record raised it.
    """
    try:
        yield
    except tf.errors.OpError as error:
        found = re.search(rf"\b{RecordError.__name__}: (.+)", error.message)
        if found is None:
            raise
        raise RecordError(found[1]) from error


def _epoch_order(num_frames: int, count: int, seed: int, epoch: Tensor, factors: np.ndarray | None) -> Tensor:
    """Return ``[count]`` int64 places: frame index plus ``num_frames`` for every earlier use in the epoch."""
    rounds = -(-count // num_frames)
    # The epoch keeps its length: what is drawn more often takes the place of other frames.
    once, uses = tf.range(num_frames, dtype=tf.int64), 1
    if factors is not None:
        once, uses = repeated_places(factors, seed=(seed, 2), epoch=epoch), math.ceil(factors.max())
    places = [
        tf.random.experimental.stateless_shuffle(
            once,
            seed=tf.random.fold_in(tf.random.fold_in(tf.constant([seed, 1], tf.int64), epoch), turn),
        )
        + turn * uses * num_frames
        for turn in range(rounds)
    ]
    return tf.concat(places, axis=0)[:count]


def _as_op(reader: RecordReader) -> Callable[[Tensor], Tensor]:
    """Return a function from a frame's index (scalar int64) to its serialized Example (scalar string)."""

    def read(index: np.ndarray) -> bytes:
        return reader.read(int(index))

    def read_tensor(index: Tensor) -> Tensor:
        payload = tf.numpy_function(read, [index], tf.string, stateful=False)
        payload.set_shape([])
        return payload

    return read_tensor


def _finish(example: Element, manifest: RecordsManifest, *, slivers: int) -> Element:
    """Return the element of a batch: lists padded to one length (at least 1)."""
    objects, regions = max(1, manifest.max_objects), max(1, manifest.max_dont_care + slivers)
    names = ("dont_care_class_ids",) if manifest.class_regions else ()
    return {
        "image": example["image"],
        "boxes_xyxy": _pad_rows(example["boxes_xyxy"], objects),
        "class_ids": _pad_rows(example["class_ids"], objects),
        "dont_care_xyxy": _pad_rows(example["dont_care_xyxy"], regions),
        **{name: _pad_rows(example[name], regions) for name in names},
        "frame_id": example["frame_id"],
        "original_wh": tf.ensure_shape(example["original_wh"], [2]),
        "letterbox": tf.ensure_shape(example["letterbox"], [4]),
    }


def _pad_rows(rows: Tensor, count: int) -> Tensor:
    padding = [[0, count - tf.shape(rows)[0]]] + [[0, 0]] * (rows.shape.rank - 1)
    return tf.ensure_shape(tf.pad(rows, padding), [count, *rows.shape[1:]])
