"""Promises of PNG checks: size without decoding, and damage found by place."""

import struct
import zlib
from pathlib import Path

import pytest

from kittidet.errors import DatasetContractError
from kittidet.kitti.png import PngHeader, check_png_bytes, is_png, parse_png_header, png_chunks
from kittidet.kitti.tree import open_tree


def check_png(path: Path) -> PngHeader:
    return check_png_bytes(path.read_bytes(), where=str(path))


def test_size_and_kind_come_from_the_header(make_png, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(make_png(1242, 375))
    assert parse_png_header(path.read_bytes()[:33], where="x").size_wh == (1242, 375)
    header = check_png(path)
    assert (header.size_wh, header.bit_depth, header.colour_type) == ((1242, 375), 8, 2)
    assert check_png_bytes(make_png(5, 7, "L"), where="x").colour_type == 0


def test_real_images_pass_and_have_their_listed_sizes(real_mini, real_csv):
    listed = dict(line.split(",", 1) for line in real_csv("image_sizes.csv").read_text().split()[1:])
    tree = open_tree(real_mini)
    assert len(tree.frame_ids) == 11
    for frame_id in tree.frame_ids:
        size = check_png(tree.image_path(frame_id)).size_wh
        assert f"{size[0]},{size[1]}" == listed[frame_id]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"\xff\xd8\xff\xe0" + b"0" * 99, "got a JPEG"),
        (b"GIF89a" + b"0" * 99, "got a GIF"),
        (b"<html>" + b"0" * 99, "got an HTML or XML page"),
        (b"PK\x03\x04" + b"0" * 99, "got a zip archive"),
        (b"\x00" * 99, "got bytes 00 00"),
    ],
)
def test_another_format_is_recognised(tmp_path, data, found):
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(DatasetContractError, match=rf"a\.png: expected a PNG or JPEG, {found}.*Convert it"):
        check_png(path)


@pytest.mark.parametrize("keep", [0, 1, 8, 20, 33, 40, 1000, -13, -12, -1])
def test_a_png_cut_short_anywhere_says_so(make_png, keep):
    with pytest.raises(DatasetContractError, match=r"x: PNG truncated: expected .*, got \d+ bytes"):
        check_png_bytes(make_png(120, 40)[:keep], where="x")


def test_any_changed_byte_is_found(make_png):
    data = make_png(12, 4)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 0x10
        with pytest.raises(DatasetContractError, match=r"^x: "):
            check_png_bytes(bytes(damaged), where="x")


def test_a_wrong_checksum_names_chunk_and_place(make_png):
    data = bytearray(make_png(120, 40))
    data[data.index(b"IDAT") + 50] ^= 1
    with pytest.raises(DatasetContractError, match=r"checksum of chunk IDAT at byte 33: expected [0-9a-f]{8}, got"):
        check_png_bytes(bytes(data), where="x")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


HEADER = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (_png(_chunk(b"IHDR", HEADER), _chunk(b"IEND", b"")), "without pixels"),
        (_png(_chunk(b"IHDR", HEADER), _chunk(b"IDAT", b""), _chunk(b"IEND", b""), b"more"), "4 bytes after it"),
        (_png(_chunk(b"IHDR", bytes(4) + HEADER[4:]), _chunk(b"IEND", b"")), "got 0x2"),
        (_png(_chunk(b"IHDR", b"\xff" * 4 + HEADER[4:]), _chunk(b"IEND", b"")), "got 4294967295x2"),
        (_png(_chunk(b"IDAT", HEADER), _chunk(b"IEND", b"")), "expected a chunk IHDR"),
        (_png(_chunk(b"IHDR", HEADER), _chunk(b"ID\0T", b""), _chunk(b"IEND", b"")), "expected a chunk at byte 33"),
    ],
)
def test_chunks_that_make_no_image_are_refused(data, why):
    with pytest.raises(DatasetContractError, match=why):
        check_png_bytes(data, where="x")


def test_chunks_come_in_order_up_to_the_end_or_to_where_the_file_is_cut(make_png):
    data = make_png(12, 4)
    assert is_png(data)
    assert not is_png(b"\xff\xd8\xff")
    assert next((kind, len(body)) for kind, body in png_chunks(data + b"more")) == (b"IHDR", 13)
    assert [kind for kind, _ in png_chunks(data + b"more")] == [b"IHDR", b"IDAT", b"IEND"]
    assert [kind for kind, _ in png_chunks(data[:36])] == [b"IHDR"]
    assert list(png_chunks(data[:10])) == []
