"""Images come upright into a converted data set, or not at all."""

import numpy as np
import pytest
from fixtures.encoded_images import encode, exif, raw_png, samples, street
from PIL import Image

from kittidet.convert.output import Conversion, free_folder, log_conversion, look_at, place_upright, write_exactly
from kittidet.errors import DatasetContractError


def put(tmp_path, data: bytes, mode: str):
    (tmp_path / "a.any").write_bytes(data)
    place_upright(tmp_path / "a.any", tmp_path / "out" / "x.1", mode)
    (placed,) = (tmp_path / "out").iterdir()
    return placed


@pytest.mark.parametrize("mode", ["link", "copy"])
@pytest.mark.parametrize(("kind", "name"), [("PNG", "x.1.png"), ("JPEG", "x.1.jpg")])
def test_upright_images_stay_as_they_are(tmp_path, mode, kind, name):
    """case: jpg_images"""
    data = encode(street(), kind)
    placed = put(tmp_path, data, mode)
    assert (placed.name, placed.read_bytes(), placed.is_symlink()) == (name, data, mode == "link")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_turned_image_is_rewritten_upright_or_not_linked(tmp_path, kind):
    """case: coco_exif6_silent"""
    image = Image.new("RGB", (60, 40))
    image.paste((255, 0, 0), (0, 0, 60, 10))  # the stored top becomes the right edge
    data = encode(image, kind, exif=exif(6))
    with pytest.raises(DatasetContractError, match=r"EXIF orientation.*--images copy"):
        put(tmp_path, data, "link")
    placed = put(tmp_path, data, "copy")
    with Image.open(placed) as made:
        assert (placed.name, made.size, made.getexif().get(0x0112, 1)) == ("x.1.png", (40, 60), 1)
        assert made.getpixel((37, 30))[0] > 200
        assert made.getpixel((5, 30))[0] < 50


def test_16_bit_grey_of_another_format_is_read_by_the_one_rule(tmp_path):
    """case: png_16bit_grey"""
    grey = samples(1)
    with Image.open(put(tmp_path, encode(Image.fromarray(grey[..., 0]), "TIFF"), "copy")) as made:
        np.testing.assert_array_equal(np.asarray(made), np.repeat(grey >> 8, 3, axis=2).astype(np.uint8))


def test_the_size_is_the_upright_one(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encode(street(), "JPEG", exif=exif(8)))
    assert look_at(tmp_path / "a.jpg").size_wh == (61, 91)
    (tmp_path / "a.jpg").write_bytes(raw_png(samples(3, np.uint8), 2))
    assert look_at(tmp_path / "a.jpg").size_wh == (91, 61)


@pytest.mark.parametrize("content", [None, b"", b"text"])
def test_what_is_no_image_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(DatasetContractError, match=r"a\.jpg: cannot be read as an image"):
        place_upright(tmp_path / "a.jpg", tmp_path / "out" / "a", "copy")


def test_losses_are_logged_and_text_keeps_its_line_ends(tmp_path, caplog):
    write_exactly(tmp_path / "a.txt", "a\r\nb")
    assert (tmp_path / "a.txt").read_bytes() == b"a\r\nb"
    made = Conversion(free_folder(tmp_path / "out"), 1, 2, {"masks": 3})
    assert log_conversion("kitti", made) is made
    assert "count=3 what=masks" in caplog.text
