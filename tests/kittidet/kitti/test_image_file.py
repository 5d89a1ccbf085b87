"""Promises of image files: PNG and JPEG by content, sizes from headers, damage named."""

import io

import numpy as np
import pytest
from fixtures.encoded_images import encode, exif, jpegs_and_bmps, pngs, street

from kittidet.errors import DatasetContractError
from kittidet.kitti import image_file
from kittidet.kitti.image_file import (
    check_image_bytes,
    find_size_problem,
    image_format,
    read_image_bytes,
    read_image_size,
)

FILES = {name: data for name, data in {**pngs(), **jpegs_and_bmps()}.items() if not name.startswith("bmp")}


def check(path):
    return check_image_bytes(read_image_bytes(path), where=str(path))


@pytest.mark.parametrize("name", FILES)
def test_the_size_is_the_decoders_in_every_encoding(name, tmp_path):
    (tmp_path / "a").write_bytes(FILES[name])
    assert read_image_size(tmp_path / "a") == check(tmp_path / "a").size_wh == (91, 61)
    assert image_format(FILES[name]) == name.split()[0]


def test_the_size_is_found_behind_a_long_profile(tmp_path):
    data = encode(street(), "JPEG", exif=exif(1), icc_profile=bytes(np.arange(400_000, dtype=np.uint8)))
    (tmp_path / "a.jpg").write_bytes(data)
    assert read_image_size(tmp_path / "a.jpg") == (91, 61)


def test_the_size_of_a_turned_image_is_that_of_its_pixels_as_stored(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encode(street(), "JPEG", exif=exif(6)))
    assert read_image_size(tmp_path / "a.jpg") == (91, 61)


def test_a_file_too_large_for_an_image_is_not_read(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(encode(street(), "PNG"))
    monkeypatch.setattr(image_file, "_MAX_FILE_BYTES", 1000)
    with pytest.raises(DatasetContractError, match="expected an image of at most"):
        check(tmp_path / "a.png")


def test_a_missing_image_is_named(tmp_path):
    for read in (read_image_size, check):
        with pytest.raises(DatasetContractError, match=r"a\.png: cannot read the image: No such file"):
            read(tmp_path / "a.png")


def test_another_format_is_named(tmp_path):
    buffer = io.BytesIO()
    street().save(buffer, "GIF")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    for read in (read_image_size, check):
        with pytest.raises(DatasetContractError, match="expected a PNG or JPEG, got a GIF"):
            read(tmp_path / "a.png")


@pytest.mark.parametrize(("size_wh", "accepted"), [((20, 120), True), ((19, 50), False), ((50, 121), False)])
def test_a_size_is_accepted_with_both_sides_inside_the_limits(size_wh, accepted):
    problem = find_size_problem(size_wh, (20, 120))
    assert problem == (None if accepted else "expected sides of 20..120 px, got {}x{}".format(*size_wh))
