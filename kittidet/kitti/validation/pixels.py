"""Checks that the pixels of an image decode, down to the last one, and reads whether they are stored upright.

A PNG has all its rows if and only if its compressed data unpacks to one filter byte and the samples of every row, and
every filter is one of five. That is checked here, because a decoder may be lenient (Pillow fills missing rows with
black). KITTI's kind of PNG (8-bit RGB, not interlaced) needs no more to decode; other kinds and
JPEGs are also given to Pillow.

Source:
    PNG specification, third edition, sections 7.2 (scanlines), 8 (interlacing), 9.2 (filter types), 10 (compression).
"""

import io
import math
import zlib

import numpy as np
from PIL import Image

from kittidet.errors import DatasetContractError
from kittidet.kitti.image_file import ImageHeader
from kittidet.kitti.png import PngHeader, is_png, png_chunks
from kittidet.kitti.rgb import orientation_of

_FORMATS = ["PNG", "JPEG"]
_FILTERS = 5
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # colour type -> samples of a pixel
# First column, first row and their steps, of the passes of an interlaced image.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_MAY_HOLD_EXIF = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt"})
_DAMAGE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def check_pixels(data: bytes, header: ImageHeader, *, where: str) -> None:
    """Return if every pixel decodes.

    Args:
        data: an image that passed `check_image_bytes`.
        header: what that returned; the caller accepts an image of its size in memory.
        where: the image's name, for the message.

    Raises:
        DatasetContractError: if pixels are missing or damaged.
    """
    if isinstance(header, PngHeader):
        problem, is_plain = find_row_problem(data, header), header.is_rgb8 and not header.is_interlaced
    else:
        problem, is_plain = None, False
    if problem is None and not is_plain:
        problem = _decode(data, header.size_wh)
    if problem is not None:
        width, height = header.size_wh
        raise DatasetContractError(
            f"{where}: expected {width}x{height} pixels, the image does not decode: {problem}. Unpack the image again."
        )


def find_row_problem(data: bytes, header: PngHeader) -> str | None:
    """Return what is wrong with the rows of a PNG of any kind, None if all of them are there.

    Args:
        data: the whole file.
        header: its header; memory for as many pixels as that claims is used.
    """
    if header.colour_type not in _SAMPLES:
        return f"colour type {header.colour_type} is none of PNG's"
    bits = header.bit_depth * _SAMPLES[header.colour_type]
    width, height = header.size_wh
    passes = [  # rows, bytes of a row
        (math.ceil((height - y) / step_y), 1 + math.ceil(math.ceil((width - x) / step_x) * bits / 8))
        for x, y, step_x, step_y in (_PASSES if header.is_interlaced else ((0, 0, 1, 1),))
        if x < width and y < height
    ]
    total = sum(rows * stride for rows, stride in passes)
    compressed = b"".join(body for kind, body in png_chunks(data) if kind == b"IDAT")
    try:
        # Never more than the header declares: a decompression bomb is cut off. The checksum after the last row counts.
        unpacked = zlib.decompressobj().decompress(compressed, total)
    except zlib.error as error:
        return str(error)
    if len(unpacked) != total:
        return f"{len(unpacked):,} of {total:,} bytes of rows are present"
    start = 0
    for rows, stride in passes:
        filters = np.frombuffer(unpacked, np.uint8, rows * stride, start)[::stride]
        start += rows * stride
        if filters.max() >= _FILTERS:
            row = int(np.argmax(filters >= _FILTERS))
            return f"row {row} has filter {int(filters.max())}, expected 0..{_FILTERS - 1}"
    return None


def read_orientation(data: bytes) -> int:
    """Return the EXIF orientation of an image, as every reader that turns images sees it; 1 (upright) without one.

    Args:
        data: an image that passed `check_image_bytes`, of a size that may be decoded.
    """
    if is_png(data) and _MAY_HOLD_EXIF.isdisjoint(kind for kind, _ in png_chunks(data)):
        return 1
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            return orientation_of(image)
    except _DAMAGE:
        return 1  # damaged pixels are `check_pixels`' to find


def _decode(data: bytes, size_wh: tuple[int, int]) -> str | None:
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            image.load()
            return None if image.size == size_wh else f"got {image.size[0]}x{image.size[1]}"
    except _DAMAGE as error:
        return str(error)
