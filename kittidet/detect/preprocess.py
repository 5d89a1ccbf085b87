"""Pixels into the canvas, as TensorFlow ops: resize, crop, normalise, pad.

Resizing is linear and keeps a constant image constant, so normalising after it equals normalising before it (to float
rounding) and lets the resize read uint8. Padding comes last: 0 after normalisation, which is the mean colour.

Source:
    google/automl efficientdet/dataloader.py: bilinear resize with half-pixel centres and no antialias, padding at
    the bottom and right with 0 after normalisation.
"""

from typing import Any

import tensorflow as tf

from kittidet.detect.letterbox import fit_whole_pixels

Tensor = Any


def size_wh_of(image: Tensor) -> Tensor:
    """Return width and height ``[2]`` int32 of an image ``[h, w, channels]``."""
    return tf.reverse(tf.shape(image)[:2], [0])


def fit_hw(size_wh: Tensor, input_hw: Tensor) -> Tensor:
    """Return height and width ``[2]`` int32 of a frame ``size_wh`` ``[2]`` int32 fitted into ``input_hw`` ``[2]``."""
    size = tf.cast(size_wh, tf.int64)
    canvas = tf.cast(input_hw, tf.int64)
    fitted = fit_whole_pixels(size[0], size[1], canvas[0], canvas[1], minimum=tf.minimum)
    return tf.cast(tf.maximum(tf.stack(fitted), 1), tf.int32)


def resize_crop(
    image: Tensor, *, resized_hw: Tensor, offset_hw: Tensor, input_hw: tuple[int, int], antialias: bool
) -> Tensor:
    """Return the part of the resized image that falls into the canvas.

    Args:
        image: ``[h, w, 3]``, any number type.
        resized_hw: ``[2]`` int32, size to resize to.
        offset_hw: ``[2]`` int32, rows and columns of the resized image that are cut at the top and left.
        input_hw: upper bound of the result's size.
        antialias: average over all pixels when making the image smaller. The reference does not.

    Returns:
        ``[<= canvas h, <= canvas w, 3]`` float32, in the units of the input.
    """
    resized = tf.image.resize(image, resized_hw, method="bilinear", antialias=antialias)
    top, left = offset_hw[0], offset_hw[1]
    return resized[top : top + input_hw[0], left : left + input_hw[1]]


def normalise_pad(
    image: Tensor, *, input_hw: tuple[int, int], pixel_mean: tuple[float, ...], pixel_std: tuple[float, ...]
) -> Tensor:
    """Return the image normalised per channel and padded with 0 at the bottom and right to the canvas.

    Args:
        image: ``[<= canvas h, <= canvas w, 3]`` float32, 0..255.
        input_hw: size of the result, pixels.
        pixel_mean: per channel, 0..255.
        pixel_std: per channel, 0..255.

    Returns:
        ``[canvas h, canvas w, 3]`` float32.
    """
    normalised = (image - tf.constant(pixel_mean, tf.float32)) * (1.0 / tf.constant(pixel_std, tf.float32))
    shape = tf.shape(image)
    padding = [[0, input_hw[0] - shape[0]], [0, input_hw[1] - shape[1]], [0, 0]]
    padded = tf.pad(normalised, padding)
    padded.set_shape((*input_hw, 3))
    return padded


def letterbox_row(size_wh: Tensor, resized_hw: Tensor, offset_hw: Tensor) -> Tensor:
    """Return ``(scale_x, scale_y, offset_x, offset_y)`` ``[4]`` float32: canvas = original * scale + offset."""
    scale = tf.cast(tf.reverse(resized_hw, [0]), tf.float32) / tf.cast(size_wh, tf.float32)
    return tf.concat([scale, 0.0 - tf.cast(tf.reverse(offset_hw, [0]), tf.float32)], axis=0)


def boxes_to_input(xyxy: Tensor, row: Tensor) -> Tensor:
    """Return boxes ``[n, 4]`` float32 in canvas pixels, not clipped, from pixels of the original image."""
    return xyxy * tf.tile(row[:2], [2]) + tf.tile(row[2:], [2])
