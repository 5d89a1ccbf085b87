"""The one rule for an opened image; that everything reads alike is in tests/kittidet/detect/test_one_reading.py."""

import io

import numpy as np
import pytest
from fixtures.encoded_images import encode, exif, raw_png, samples, street
from PIL import Image

from kittidet.config import MAX_SIDE_PX
from kittidet.kitti.rgb import to_rgb


def read(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return to_rgb(image)


def test_16_bit_grey_keeps_its_high_byte():
    """case: png_16bit_grey"""
    grey = samples(1)
    np.testing.assert_array_equal(read(raw_png(grey, 0)), np.repeat(grey >> 8, 3, axis=2))


def test_a_turned_image_comes_upright():
    assert read(encode(street(), "JPEG", exif=exif(6))).shape == (91, 61, 3)


def test_a_side_too_long_is_refused_before_pixels_are_decoded():
    with pytest.raises(ValueError, match="expected sides of at most"):
        read(raw_png(samples(3, np.uint8), 2, size_wh=(MAX_SIDE_PX + 1, 8)))
