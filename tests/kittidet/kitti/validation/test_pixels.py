"""Promises of the pixel check: what a decoder would refuse, or quietly fill in, is refused."""

import struct
import zlib

import numpy as np
import pytest
from fixtures.encoded_images import chunk, exif

from kittidet.errors import DatasetContractError
from kittidet.kitti.png import check_png_bytes
from kittidet.kitti.tree import open_tree
from kittidet.kitti.validation.pixels import check_pixels, find_row_problem, read_orientation


def png(*bodies: bytes, size=(120, 40), depth=8, colour=2, interlace=0) -> bytes:
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, interlace)
    chunks = [chunk(b"IHDR", header), *(chunk(b"IDAT", body) for body in bodies), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def check(data: bytes) -> None:
    check_pixels(data, check_png_bytes(data, where="x"), where="x")


ROWS = np.random.default_rng(0).integers(0, 5, 361 * 40, dtype=np.uint8).tobytes()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1"])
def test_whole_images_of_any_kind_pass(make_png, mode):
    check(make_png(120, 40, mode))


def test_pixels_may_come_in_any_number_of_chunks():
    packed = zlib.compress(ROWS)
    check(png(packed))
    check(png(packed[:1], b"", packed[1:500], packed[500:]))


def test_real_images_pass(real_mini):
    tree = open_tree(real_mini)
    for frame_id in tree.frame_ids:
        check(tree.image_path(frame_id).read_bytes())


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", r"0 of 14,440 bytes"),
        (b"not deflate", "incorrect header"),
        (zlib.compress(b""), "0 of 14,440 bytes"),
        (zlib.compress(ROWS[:-361]), "14,079 of 14,440 bytes"),
        (zlib.compress(ROWS[:-1]), "14,439 of 14,440 bytes"),
        (zlib.compress(ROWS)[:-1000], r"of 14,440 bytes"),
        (zlib.compress(ROWS)[:-1] + b"?", "incorrect data check"),
        (zlib.compress(ROWS[: 361 * 7] + b"\x05" + ROWS[361 * 7 + 1 :]), r"row 7 has filter 5, expected 0\.\.4"),
    ],
)
def test_pixels_that_are_missing_or_damaged_are_refused(body, why):
    with pytest.raises(DatasetContractError, match=rf"^x: expected 120x40 pixels, the image does not decode: .*{why}"):
        check(png(body))


def test_a_bomb_is_not_unpacked():
    """A hundred megabytes of rows behind a header of one pixel: only that pixel's row is unpacked."""
    check(png(zlib.compress(bytes(100 << 20)), size=(1, 1)))


# Colour type, depth, and the bytes of a row of 120 pixels with its filter.
KINDS = [(0, 1, 16), (0, 4, 61), (0, 8, 121), (0, 16, 241), (2, 16, 721), (3, 2, 31), (4, 8, 241), (6, 16, 961)]


@pytest.mark.parametrize(("colour", "depth", "stride"), KINDS)
def test_a_row_that_is_missing_is_found_in_every_kind(colour, depth, stride):
    """Pillow gives such an image black rows."""
    for rows, whole in ((40, True), (39, False)):
        data = png(zlib.compress(bytes(stride * rows)), colour=colour, depth=depth)
        problem = find_row_problem(data, check_png_bytes(data, where="x"))
        assert problem == (None if whole else f"{stride * 39:,} of {stride * 40:,} bytes of rows are present")


@pytest.mark.parametrize(("size", "total"), [((120, 40), 14_400 + 75), ((1, 1), 4), ((3, 5), 45 + 10)])
def test_the_passes_of_an_interlaced_image_are_counted(size, total):
    """By the specification's own table of pass sizes."""
    for missing in (0, 1):
        data = png(zlib.compress(bytes(total - missing)), size=size, interlace=1)
        problem = find_row_problem(data, check_png_bytes(data, where="x"))
        assert (problem is None) == (missing == 0), problem


def test_a_colour_type_that_png_does_not_have_is_named():
    with pytest.raises(DatasetContractError, match="colour type 5 is none of PNG's"):
        check(png(zlib.compress(ROWS), colour=5))


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_an_orientation_is_read_before_and_after_the_pixels(orientation, make_png):
    body = exif(orientation).tobytes().removeprefix(b"Exif\0\0")
    data = make_png(120, 40)
    header = len(data[:8]) + 25
    for at in (header, len(data) - 12):
        assert read_orientation(data[:at] + chunk(b"eXIf", body) + data[at:]) == orientation


def test_other_text_in_a_png_is_no_orientation(make_png):
    data = make_png(120, 40)
    assert read_orientation(data) == 1
    assert read_orientation(data[:33] + chunk(b"tEXt", b"Software\0a camera") + data[33:]) == 1


@pytest.mark.parametrize("colour", [0, 3, 4, 6])
def test_other_kinds_without_pixels_are_refused(colour):
    with pytest.raises(DatasetContractError, match="does not decode"):
        check(png(b"", colour=colour))
