"""Checks that the pixels of a PNG decode, down to the last one.

KITTI's kind of PNG (8-bit RGB, not interlaced) decodes if and only if its compressed data unpacks to one filter byte
and the samples of every row, and every filter is one of five. That is checked here, because a decoder may be lenient
(Pillow 12 accepts an image without its last row). Other kinds are left to Pillow.

Source:
    PNG specification, third edition, sections 7.2 (scanlines), 9.2 (filter types), 10 (compression).
"""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from kittidet.errors import DatasetContractError
from kittidet.kitti.png import PngHeader

_RGB8 = (8, 2, False)
_FILTERS = 5
_FIRST_CHUNK = 8


def check_pixels(data: bytes, header: PngHeader, *, where: str) -> None:
    """Return if every pixel decodes.

    Args:
        data: a PNG that passed `check_png_bytes`.
        header: what that returned; the caller accepts an image of its size in memory.
        where: the image's name, for the message.

    Raises:
        DatasetContractError: if pixels are missing or damaged.
    """
    width, height = header.size_wh
    if (header.bit_depth, header.colour_type, header.is_interlaced) == _RGB8:
        problem = _inflate_rgb8(data, width, height)
    else:
        problem = _decode(data, header.size_wh)
    if problem is not None:
        raise DatasetContractError(
            f"{where}: expected {width}x{height} pixels, the image does not decode: {problem}. Unpack the image again."
        )


def _inflate_rgb8(data: bytes, width: int, height: int) -> str | None:
    stride = 1 + 3 * width
    try:
        # Never more than the header declares: a decompression bomb is cut off. The checksum after the last row counts.
        rows = zlib.decompressobj().decompress(_compressed(data), stride * height)
    except zlib.error as error:
        return str(error)
    if len(rows) != stride * height:
        return f"{len(rows):,} of {stride * height:,} bytes of rows are present"
    filters = np.frombuffer(rows, dtype=np.uint8)[::stride]
    if filters.max(initial=0) >= _FILTERS:
        return f"row {int(np.argmax(filters >= _FILTERS))} has filter {int(filters.max())}, expected 0..{_FILTERS - 1}"
    return None


def _compressed(data: bytes) -> bytes:
    """Return the bodies of all IDAT chunks, joined."""
    parts, offset = [], _FIRST_CHUNK
    while offset < len(data):
        length, kind = struct.unpack_from(">I4s", data, offset)
        if kind == b"IDAT":
            parts.append(data[offset + 8 : offset + 8 + length])
        offset += 12 + length
    return b"".join(parts)


def _decode(data: bytes, size_wh: tuple[int, int]) -> str | None:
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            image.load()
            return None if image.size == size_wh else f"got {image.size[0]}x{image.size[1]}"
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return str(error)
