"""The one rule for an opened image; that everything reads alike is in tests/kittidet/detect/test_one_reading.py."""

import io

import numpy as np
import pytest
from fixtures.encoded_images import ORIENTATION, chunk, encode, exif, raw_png, samples, street
from PIL import Image

from kittidet.config import MAX_SIDE_PX
from kittidet.kitti.rgb import orientation_of, to_rgb


def read(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return to_rgb(image)


def test_16_bit_grey_keeps_its_high_byte():
    """case: png_16bit_grey"""
    grey = samples(1)
    np.testing.assert_array_equal(read(raw_png(grey, 0)), np.repeat(grey >> 8, 3, axis=2))


def test_a_turned_image_comes_upright():
    assert read(encode(street(), "JPEG", exif=exif(6))).shape == (91, 61, 3)


@pytest.mark.parametrize("value", [b"II*\0", b"junk and more", b"", b"II*\0\x08\0\0\0\1"])
@pytest.mark.parametrize("place", [b"IDAT", b"IEND"])
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_exif_data_that_cannot_be_read_turn_nothing(value, place):
    data = encode(street(), "PNG")
    at = data.index(place) - 4
    data = data[:at] + chunk(b"eXIf", value) + data[at:]
    np.testing.assert_array_equal(read(data), np.asarray(street()))
    with Image.open(io.BytesIO(data)) as image:
        assert orientation_of(image) == 1


@pytest.mark.parametrize(("value", "orientation"), [(0, 1), (1, 1), (2, 2), (8, 8), (9, 1), (6.0, 6), ("6", 1)])
def test_values_that_mean_nothing_turn_nothing(value, orientation):
    image = street()
    image.getexif()[ORIENTATION] = value
    assert orientation_of(image) == orientation


def test_a_side_too_long_is_refused_before_pixels_are_decoded():
    with pytest.raises(ValueError, match="expected sides of at most"):
        read(raw_png(samples(3, np.uint8), 2, size_wh=(MAX_SIDE_PX + 1, 8)))
