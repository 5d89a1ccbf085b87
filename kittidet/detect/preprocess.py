"""Encoded image -> pixels -> network input, as TensorFlow ops: decode, resize, crop, normalise, pad.

``preprocess`` is what evaluation, prediction and the exported SavedModel all do to an image; training does the same
steps with a crop and colour changes between them (``data.augment``).

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

# Bytes of a BMP's file header; its image header follows, then its palette.
_BMP_HEADER = 14


def decode_rgb(encoded: Tensor) -> Tensor:
    """Return the pixels ``[h, w, 3]`` uint8 RGB of a PNG, JPEG or BMP, to the bit those of ``images.read_image``.

    But for one thing: an EXIF orientation is not followed. `validate` and the comparison of exports refuse such images.

    Args:
        encoded: scalar string, the file's bytes.
    """
    start = tf.strings.substr(encoded, 0, 2)
    image = tf.case(
        [
            # The default transform is a faster one, off by several levels of 255.
            (
                tf.equal(start, b"\xff\xd8"),
                lambda: tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE"),
            ),
            (tf.equal(start, b"BM"), lambda: _decode_bmp(encoded)),
        ],
        # Takes the high byte of 16-bit samples and drops transparency.
        default=lambda: tf.io.decode_png(encoded, channels=3),
    )
    # The op for PNG also reads WebP, as a film of one frame: refused here.
    return tf.ensure_shape(image, (None, None, 3))


def _decode_bmp(encoded: Tensor) -> Tensor:
    """As `decode_rgb`, for BMP files; TensorFlow's op returns the indices of a palette as if they were grey."""

    def field(position: int, kind: Any, size: int) -> Tensor:
        return tf.io.decode_raw(tf.strings.substr(encoded, position, size), kind)[0]

    bits, compression = field(28, tf.int16, 2), field(30, tf.int32, 4)
    plain = tf.Assert(tf.equal(compression, 0) | tf.equal(bits, 32), ["BMP: expected no compression, got", compression])
    palette_at = _BMP_HEADER + field(_BMP_HEADER, tf.int32, 4)

    def look_up() -> Tensor:
        colours = tf.strings.substr(encoded, palette_at, field(10, tf.int32, 4) - palette_at)
        bgr = tf.reshape(tf.io.decode_raw(colours, tf.uint8), [-1, 4])
        return tf.gather(bgr[:, 2::-1], tf.cast(tf.io.decode_bmp(encoded, channels=0)[..., 0], tf.int32))

    with tf.control_dependencies([plain]):
        return tf.cond(tf.equal(bits, 8), look_up, lambda: tf.io.decode_bmp(encoded, channels=0)[..., :3])


def preprocess(
    image: Tensor, *, input_hw: tuple[int, int], pixel_mean: tuple[float, ...], pixel_std: tuple[float, ...]
) -> tuple[Tensor, Tensor]:
    """Return an image as network input and where it lies in it: as large as fits, at the top left.

    Args:
        image: ``[h, w, 3]`` uint8 RGB.
        input_hw: height and width of the network input, pixels.
        pixel_mean: per channel, 0..255.
        pixel_std: per channel, 0..255.

    Returns:
        ``[input h, input w, 3]`` float32 normalised, and the letterbox row ``[4]`` float32.
    """
    size_wh = size_wh_of(image)
    resized, offset = fit_hw(size_wh, input_hw), tf.zeros([2], tf.int32)
    fitted = resize_crop(image, resized_hw=resized, offset_hw=offset, input_hw=input_hw)
    normalised = normalise_pad(fitted, input_hw=input_hw, pixel_mean=pixel_mean, pixel_std=pixel_std)
    return normalised, letterbox_row(size_wh, resized, offset)


def size_wh_of(image: Tensor) -> Tensor:
    """Return width and height ``[2]`` int32 of an image ``[h, w, channels]``."""
    return tf.reverse(tf.shape(image)[:2], [0])


def fit_hw(size_wh: Tensor, input_hw: Tensor) -> Tensor:
    """Return height and width ``[2]`` int32 of a frame ``size_wh`` ``[2]`` int32 fitted into ``input_hw`` ``[2]``."""
    size = tf.cast(size_wh, tf.int64)
    limit = tf.cast(input_hw, tf.int64)
    fitted = fit_whole_pixels(size[0], size[1], limit[0], limit[1], minimum=tf.minimum)
    return tf.cast(tf.maximum(tf.stack(fitted), 1), tf.int32)


def resize_crop(image: Tensor, *, resized_hw: Tensor, offset_hw: Tensor, input_hw: tuple[int, int]) -> Tensor:
    """Return the part of the resized image that falls into the network input.

    Args:
        image: ``[h, w, 3]``, any number type.
        resized_hw: ``[2]`` int32, size to resize to.
        offset_hw: ``[2]`` int32, rows and columns of the resized image that are cut at the top and left.
        input_hw: upper bound of the result's size.

    Returns:
        ``[<= input h, <= input w, 3]`` float32, in the units of the image.
    """
    resized = tf.image.resize(image, resized_hw, method="bilinear", antialias=False)
    top, left = offset_hw[0], offset_hw[1]
    return resized[top : top + input_hw[0], left : left + input_hw[1]]


def normalise_pad(
    image: Tensor, *, input_hw: tuple[int, int], pixel_mean: tuple[float, ...], pixel_std: tuple[float, ...]
) -> Tensor:
    """Return the image normalised per channel and padded with 0 at the bottom and right to the input size.

    Args:
        image: ``[<= input h, <= input w, 3]`` float32, 0..255.
        input_hw: size of the result, pixels.
        pixel_mean: per channel, 0..255.
        pixel_std: per channel, 0..255.

    Returns:
        ``[input h, input w, 3]`` float32.
    """
    shape = tf.shape(image)
    # Row by row: where the last axis, along which it repeats numbers, is short, TensorFlow is three times as slow.
    mean, factor = (
        tf.tile(numbers, shape[1:2])
        for numbers in (tf.constant(pixel_mean, tf.float32), 1.0 / tf.constant(pixel_std, tf.float32))
    )
    normalised = tf.reshape((tf.reshape(image, [shape[0], -1]) - mean) * factor, shape)
    padding = [[0, input_hw[0] - shape[0]], [0, input_hw[1] - shape[1]], [0, 0]]
    padded = tf.pad(normalised, padding)
    padded.set_shape((*input_hw, 3))
    return padded


def letterbox_row(size_wh: Tensor, resized_hw: Tensor, offset_hw: Tensor) -> Tensor:
    """Return ``(scale_x, scale_y, offset_x, offset_y)`` ``[4]`` float32: input = original * scale + offset."""
    scale = tf.cast(tf.reverse(resized_hw, [0]), tf.float32) / tf.cast(size_wh, tf.float32)
    return tf.concat([scale, 0.0 - tf.cast(tf.reverse(offset_hw, [0]), tf.float32)], axis=0)


def boxes_to_input(xyxy: Tensor, row: Tensor) -> Tensor:
    """Return boxes ``[n, 4]`` float32 in input pixels, not clipped, from pixels of the original image."""
    return xyxy * tf.tile(row[:2], [2]) + tf.tile(row[2:], [2])
