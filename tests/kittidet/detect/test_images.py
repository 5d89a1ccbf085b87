"""How an image file is read; that it is read alike everywhere is in test_one_reading."""

import numpy as np
import pytest
from fixtures.encoded_images import raw_png
from PIL import Image

from kittidet.detect.images import ImageError, read_image


def save(path, size=(8, 4), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size).save(path)
    return path


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "CMYK"])
def test_any_mode_reads_as_rgb(tmp_path, mode):
    image = read_image(save(tmp_path / "a.tif", mode=mode))
    assert image.pixels.shape == (4, 8, 3)
    assert image.pixels.dtype == np.uint8
    assert image.size_wh == (8, 4)
    assert (image.name, image.file_name) == ("a", "a.tif")


def test_an_image_taken_sideways_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    Image.new("RGB", (8, 4)).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").size_wh == (4, 8)


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_damage_is_an_image_error_with_a_reason(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"a\.png: cannot read the image: .") as caught:
        read_image(path)
    assert caught.value.name == str(path)


def test_a_png_that_lacks_rows_is_refused_before_there_is_room_for_them(tmp_path, monkeypatch):
    """A file of 130 KB may claim 270 MB of pixels, which took 900 MB to refuse."""
    (tmp_path / "a.png").write_bytes(raw_png(np.zeros((50, 8192, 3), np.uint8), 2, size_wh=(8192, 8192)))
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(ImageError, match="1,228,850 of 201,334,784 bytes of rows are present"):
        read_image(tmp_path / "a.png")


def test_a_cut_image_is_not_read_half(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ImageError):
        read_image(path)
