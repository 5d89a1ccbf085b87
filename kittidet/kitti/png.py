"""Reads PNG files, KITTI's kind of image, without decoding them: size from the header, damage from the chunk checksums.

Knows the PNG container, not its pixels: those are left to `validation.pixels`.

Source:
    PNG specification, third edition, sections 5 (datastream structure) and 11.2 (critical chunks).
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from kittidet.errors import DatasetContractError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_BYTES = len(_SIGNATURE) + 4 + 4 + 13 + 4
_MAX_CHUNK = 2**31 - 1
# How files that are named .png by mistake start.
_OTHER_FORMATS = (
    (b"\xff\xd8\xff", "a JPEG"),
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"RIFF", "a WebP"),
    (b"PK\x03\x04", "a zip archive"),
    (b"<", "an HTML or XML page"),
)


@dataclass(frozen=True, slots=True)
class PngHeader:
    """What a PNG declares in its first chunk.

    Attributes:
        size_wh: width and height, pixels.
        bit_depth: bits per sample; 8 in KITTI.
        colour_type: 2 for RGB, as in KITTI; 0 grey, 3 palette, 4 grey and alpha, 6 RGB and alpha.
        is_interlaced: whether rows are stored in passes; not in KITTI.
    """

    size_wh: tuple[int, int]
    bit_depth: int
    colour_type: int
    is_interlaced: bool

    @property
    def kind(self) -> str:
        """Its kind of pixels, in words."""
        return f"depth {self.bit_depth}, colour type {self.colour_type}"

    @property
    def is_rgb8(self) -> bool:
        """Whether it is RGB of 8 bits a sample."""
        return (self.bit_depth, self.colour_type) == (8, 2)


def is_png(data: bytes) -> bool:
    """Whether these bytes start as a PNG does."""
    return data.startswith(_SIGNATURE)


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and body of every whole chunk of a PNG, up to its end; checksums are not looked at."""
    offset, kind = len(_SIGNATURE), b""
    while kind != b"IEND" and offset + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, offset)
        yield kind, data[offset + 8 : offset + 8 + length]
        offset += 12 + length


def check_png_bytes(data: bytes, *, where: str) -> PngHeader:
    """Return the header of a PNG in memory, after checking that all chunks are there and match their checksums.

    Args:
        data: the whole file.
        where: its name, for the message.

    Raises:
        DatasetContractError: if it is not a PNG, is truncated or damaged.
    """
    header = parse_png_header(data, where=where)
    view = memoryview(data)
    offset, has_pixels, kind = len(_SIGNATURE), False, b""
    while kind != b"IEND":
        if offset + 8 > len(data):
            raise _cut_short(where, offset, f"a chunk after {kind.decode('latin-1')}")
        length, kind = struct.unpack_from(">I4s", data, offset)
        end = offset + 12 + length
        name = kind.decode("latin-1")
        if length > _MAX_CHUNK or not kind.isalpha():
            raise DatasetContractError(
                f"{where}: damaged PNG: expected a chunk at byte {offset}, got {name!r} of {length} bytes. "
                "Unpack the image again."
            )
        if end > len(data):
            raise _cut_short(where, len(data), f"{end} bytes, up to the end of chunk {name}")
        (expected,) = struct.unpack_from(">I", data, end - 4)
        got = zlib.crc32(view[offset + 4 : end - 4])
        if got != expected:
            raise DatasetContractError(
                f"{where}: damaged PNG: checksum of chunk {name} at byte {offset}: expected {expected:08x}, "
                f"got {got:08x}. Unpack the image again."
            )
        has_pixels = has_pixels or kind == b"IDAT"
        offset = end
    if not has_pixels:
        raise DatasetContractError(f"{where}: PNG without pixels: expected a chunk IDAT, got none. Unpack it again.")
    if offset != len(data):
        raise DatasetContractError(
            f"{where}: expected the PNG to end at byte {offset}, got {len(data) - offset} bytes after it. "
            "Unpack the image again."
        )
    return header


def parse_png_header(data: bytes, *, where: str) -> PngHeader:
    """Return the header from the first 33 (or more) bytes of a PNG.

    Raises:
        DatasetContractError: if it does not start like a PNG.
    """
    if not is_png(data):
        if _SIGNATURE.startswith(data):
            raise _cut_short(where, len(data), "a PNG signature")
        found = next((name for magic, name in _OTHER_FORMATS if data.startswith(magic)), f"bytes {data[:8].hex(' ')}")
        raise DatasetContractError(
            f"{where}: expected a PNG or JPEG, got {found}. Convert it to PNG without resizing, or unpack it again."
        )
    if len(data) < _HEADER_BYTES:
        raise _cut_short(where, len(data), "a PNG header of 33 bytes")
    length, kind, width, height, depth, colour, _, _, interlace = struct.unpack_from(
        ">I4sIIBBBBB", data, len(_SIGNATURE)
    )
    (expected,) = struct.unpack_from(">I", data, _HEADER_BYTES - 4)
    if (length, kind) != (13, b"IHDR") or zlib.crc32(data[12 : _HEADER_BYTES - 4]) != expected:
        raise DatasetContractError(
            f"{where}: damaged PNG: expected a chunk IHDR of 13 bytes with its checksum at byte 8. Unpack it again."
        )
    if not (0 < width <= _MAX_CHUNK and 0 < height <= _MAX_CHUNK):
        raise DatasetContractError(f"{where}: expected a PNG with pixels, got {width}x{height}. Unpack it again.")
    return PngHeader((width, height), depth, colour, is_interlaced=interlace != 0)


def _cut_short(where: str, size: int, expected: str) -> DatasetContractError:
    return DatasetContractError(
        f"{where}: PNG truncated: expected {expected}, got {size} bytes. Unpack the image again."
    )
