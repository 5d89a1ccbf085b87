"""Random changes to a training image and its boxes: flip, scale and crop, colour.

Every change is a plain function of its input and of a number that was drawn for it, so the same draw gives the same
pixels. Draws come from (seed, epoch, index) alone: neither workers, nor order, nor an interrupted run changes them.
"""

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from kittidet.config import AugmentConfig
from kittidet.detect.preprocess import boxes_to_input, fit_hw, letterbox_row, resize_crop, size_wh_of

Tensor = Any

# An object of which the crop leaves less than this is no longer labelled; what is left of it becomes DontCare, so
# that it is not taught as background either. KITTI's own labels do the same at the frame's edge: its hardest level
# counts objects down to half, and a quarter keeps the close, large ones that a crop cuts most often.
MIN_VISIBLE_SHARE = 0.25
# Thinner boxes are less than an anchor can be matched to, and their logarithm is what makes box losses explode.
MIN_SIDE_PX = 1.0


@dataclass(frozen=True, slots=True)
class Draws:
    """What was drawn for one image: scalar float32 tensors, each uniform in 0..1."""

    flip: Tensor
    scale: Tensor
    offset_y: Tensor
    offset_x: Tensor
    brightness: Tensor
    contrast: Tensor
    saturation: Tensor


def draw(seed: int, epoch: Tensor, index: Tensor) -> Draws:
    """Return the draws for the ``index``-th image in an epoch of a run with this seed.

    Args:
        seed: of the run.
        epoch: scalar int64.
        index: scalar int64, the image's place in the data set, not in the epoch's order.
    """
    key = tf.constant([seed, 0], tf.int64)
    for part in (epoch, index):
        key = tf.random.fold_in(key, tf.cast(part, tf.int64))
    return Draws(*tf.unstack(tf.random.stateless_uniform([len(Draws.__slots__)], seed=key)))


def flip_horizontal(image: Tensor, xyxy: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mirror image ``[h, w, 3]`` and its boxes ``[n, 4]``, pixels of the image.

    A box names its first and last pixel, as KITTI's do, so the mirror of column x is ``width - 1 - x``.
    """
    last = tf.cast(tf.shape(image)[1] - 1, xyxy.dtype)
    left, top, right, bottom = tf.unstack(xyxy, axis=-1)
    return tf.reverse(image, axis=[1]), tf.stack([last - right, top, last - left, bottom], axis=-1)


def scale_and_offset(
    size_wh: Tensor, input_hw: tuple[int, int], *, scale: Tensor, offset_y: Tensor, offset_x: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the size to resize to and where the crop starts, both ``[2]`` int32, height first.

    Args:
        size_wh: ``[2]`` int32, of the frame.
        input_hw: pixels.
        scale: 1.0 fits the frame into the input; more makes it larger than that, so that a crop is cut.
        offset_y: 0..1, where between the top and the bottom a larger frame is cut.
        offset_x: 0..1, the same for left and right.

    Source:
        google/automl efficientdet/dataloader.py, set_training_random_scale_factors.
    """
    limit = tf.constant(input_hw, tf.int32)
    target = tf.maximum(tf.cast(tf.cast(limit, tf.float32) * scale, tf.int32), 1)
    resized = fit_hw(size_wh, target)
    spare = tf.cast(tf.maximum(resized - limit, 0), tf.float32)
    return resized, tf.cast(spare * tf.stack([offset_y, offset_x]), tf.int32)


def jitter_colour(
    image: Tensor, *, strength: float, brightness: Tensor, contrast: Tensor, saturation: Tensor
) -> Tensor:
    """Return the image ``[h, w, 3]`` float32, 0..255, with its colours changed by up to ``strength``.

    Args:
        image: float32, 0..255.
        strength: 0..1; each factor is between 1 - strength and 1 + strength.
        brightness: 0..1, factor on the whole; 0.5 changes nothing.
        contrast: 0..1, factor on the distance from the image's mean.
        saturation: 0..1, factor on the distance from grey.
    """
    bright, contrasted, saturated = (1 + strength * (2 * u - 1) for u in (brightness, contrast, saturation))
    # All three are linear in the pixels, so they are one 3x3 matrix and a constant: one pass over the image.
    # Grey is Rec. 601 luma, the same for each of the three channels.
    to_grey = tf.tile(tf.constant([[0.299], [0.587], [0.114]]), [1, 3])
    matrix = saturated * tf.eye(3) + (1 - saturated) * to_grey
    # Columns first, all channels of a row at once: three times as fast as a mean over both axes.
    columns = tf.reduce_mean(tf.reshape(image, [tf.shape(image)[0], -1]), axis=0)
    means = tf.reduce_mean(tf.reshape(columns, [-1, 3]), axis=0)
    mean = tf.reduce_mean(tf.linalg.matvec(matrix, means, transpose_a=True))
    changed = tf.tensordot(image, bright * contrasted * matrix, axes=1) + bright * (1 - contrasted) * mean
    # The operation itself: `tf.clip_by_value` goes over the image twice.
    return tf.raw_ops.ClipByValue(t=changed, clip_value_min=0.0, clip_value_max=255.0)


def keep_visible(input_xyxy: Tensor, inside_hw: Tensor) -> tuple[Tensor, Tensor]:
    """Return the boxes clipped to the visible image, and which are still worth a label.

    Args:
        input_xyxy: ``[n, 4]`` float32, input pixels, not clipped.
        inside_hw: ``[2]``, height and width of the part of the input that shows the image.

    Returns:
        Clipped boxes ``[n, 4]`` and a mask ``[n]``: at least ``MIN_VISIBLE_SHARE`` of the box is left, and
        ``MIN_SIDE_PX`` on both sides.
    """
    limit = tf.tile(tf.cast(tf.reverse(inside_hw, [0]), tf.float32), [2])
    clipped = tf.clip_by_value(input_xyxy, 0.0, limit)
    sides = clipped[:, 2:] - clipped[:, :2]
    area = tf.reduce_prod(input_xyxy[:, 2:] - input_xyxy[:, :2], axis=-1)
    visible = tf.reduce_prod(sides, axis=-1) >= MIN_VISIBLE_SHARE * area
    return clipped, visible & tf.reduce_all(sides >= MIN_SIDE_PX, axis=-1)


def augment(
    example: dict[str, Tensor], draws: Draws, *, config: AugmentConfig, input_hw: tuple[int, int]
) -> dict[str, Tensor]:
    """Return the example in the network input, changed as drawn; not yet normalised or padded.

    Args:
        example: of `parse.parse_example`; boxes in pixels of the original image.
        draws: of `draw`.
        config: which changes, and how strong.
        input_hw: pixels.

    Returns:
        ``image`` float32 0..255, at most input-sized; ``boxes_xyxy``, ``class_ids`` of what is still visible and
        ``dont_care_xyxy`` (slivers of other objects included, which are of all classes) in input pixels with
        ``dont_care_class_ids``; ``letterbox`` row. A flip is not in the row: training never goes back to the original
        frame.
    """
    image, boxes, dont_care = example["image"], example["boxes_xyxy"], example["dont_care_xyxy"]
    size_wh = size_wh_of(image)
    both = tf.concat([boxes, dont_care], axis=0)
    if config.flip:
        image, both = tf.cond(draws.flip < 0.5, lambda: flip_horizontal(image, both), lambda: (image, both))
    resized, offset = scale_and_offset(
        size_wh,
        input_hw,
        scale=config.scale_min + (config.scale_max - config.scale_min) * draws.scale,
        offset_y=draws.offset_y,
        offset_x=draws.offset_x,
    )
    image = resize_crop(image, resized_hw=resized, offset_hw=offset, input_hw=input_hw)
    if config.colour > 0:
        image = jitter_colour(
            image,
            strength=config.colour,
            brightness=draws.brightness,
            contrast=draws.contrast,
            saturation=draws.saturation,
        )
    row = letterbox_row(size_wh, resized, offset)
    clipped, visible = keep_visible(boxes_to_input(both, row), tf.shape(image)[:2])
    is_object = tf.range(tf.shape(both)[0]) < tf.shape(boxes)[0]
    is_something = tf.reduce_all(clipped[:, 2:] > clipped[:, :2], axis=-1)
    labelled = visible & is_object
    region_of = tf.concat([tf.zeros_like(example["class_ids"]), example["dont_care_class_ids"]], axis=0)
    return {
        **example,
        "image": image,
        "boxes_xyxy": tf.boolean_mask(clipped, labelled),
        "class_ids": tf.boolean_mask(example["class_ids"], labelled[: tf.shape(boxes)[0]]),
        "dont_care_xyxy": tf.boolean_mask(clipped, is_something & ~labelled),
        "dont_care_class_ids": tf.boolean_mask(region_of, is_something & ~labelled),
        "letterbox": row,
    }
