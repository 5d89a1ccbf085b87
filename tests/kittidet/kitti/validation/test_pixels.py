"""Promises of the pixel check: what a decoder would refuse, or quietly fill in, is refused."""

import struct
import zlib

import numpy as np
import pytest

from kittidet.errors import DatasetContractError
from kittidet.kitti.png import check_png_bytes
from kittidet.kitti.tree import open_tree
from kittidet.kitti.validation.pixels import check_pixels


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*bodies: bytes, size=(120, 40), depth=8, colour=2) -> bytes:
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
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


@pytest.mark.parametrize("colour", [0, 3, 4, 6])
def test_other_kinds_without_pixels_are_refused(colour):
    with pytest.raises(DatasetContractError, match="does not decode"):
        check(png(b"", colour=colour))
