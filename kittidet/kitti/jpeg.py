"""Reads JPEG files without decoding them: size from the frame header, and whether the file goes on to its end.

Knows the JPEG container, not its pixels: those are left to `validation.pixels`.

Source:
    ITU-T T.81, annex B: markers, segments and their order.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from kittidet.errors import DatasetContractError

_START = b"\xff\xd8"
_END, _SCAN = 0xD9, 0xDA
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a segment
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # the rest of this row are tables
_MARKER = re.compile(rb"\xff+[^\x00\xff]")
# What ends the compressed data of a scan: any marker but a stuffed zero and the restart markers inside it.
_NEXT_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """What a JPEG declares in its frame header.

    Attributes:
        size_wh: width and height as stored, pixels; an EXIF orientation may ask to turn them.
        components: 3 for colour, 1 for grey, 4 for CMYK.
    """

    size_wh: tuple[int, int]
    components: int

    @property
    def kind(self) -> str:
        """Its kind of pixels, in words."""
        return f"{self.components} components"

    @property
    def is_rgb8(self) -> bool:
        """Whether it is colour of 8 bits a sample."""
        return self.components == 3


def is_jpeg(data: bytes) -> bool:
    """Whether these bytes start as a JPEG does."""
    return data.startswith(_START + b"\xff")


def parse_jpeg_header(data: bytes, *, where: str) -> JpegHeader:
    """Return the frame header from the start of a JPEG, up to it at least.

    Raises:
        DatasetContractError: if the bytes end before it, it is damaged, or its samples have not 8 bits.
    """
    for marker, body in _segments(data, where):
        if marker in _FRAMES:
            return _parse_frame(body, where)
    raise DatasetContractError(f"{where}: damaged JPEG: it ends without a frame header. Copy it again.")


def check_jpeg_bytes(data: bytes, *, where: str) -> JpegHeader:
    """Return the header of a JPEG in memory, after checking that it goes on to its end marker.

    Bytes after the end are passed over: cameras put previews there.

    Args:
        data: the whole file.
        where: its name, for the message.

    Raises:
        DatasetContractError: if it is truncated or damaged, or its samples have not 8 bits.
    """
    header = parse_jpeg_header(data, where=where)
    if _SCAN not in [marker for marker, _ in _segments(data, where)]:  # all of them: up to the end of the file
        raise DatasetContractError(f"{where}: JPEG without pixels: expected a scan, got none. Copy it again.")
    return header


def _segments(data: bytes, where: str) -> Iterator[tuple[int, bytes]]:
    """Yield marker and body of every segment up to the end marker; the compressed data of scans is passed over."""
    offset, marker = len(_START), 0
    while True:
        found = _NEXT_MARKER.search(data, offset) if marker == _SCAN else _MARKER.match(data, offset)
        if found is None:
            if marker != _SCAN and len(data) >= offset + 2:
                got = data[offset : offset + 2].hex(" ")
                raise DatasetContractError(
                    f"{where}: damaged JPEG: expected a marker at byte {offset}, got {got}. Copy it again."
                )
            raise _cut_short(where, len(data))
        offset, marker = found.end(), data[found.end() - 1]
        if marker == _END:
            return
        if marker in _ALONE:
            continue
        length = int.from_bytes(data[offset : offset + 2], "big")
        if length < 2 or offset + length > len(data):
            raise _cut_short(where, len(data))
        yield marker, data[offset + 2 : offset + length]
        offset += length


def _parse_frame(body: bytes, where: str) -> JpegHeader:
    if len(body) < 6:
        raise DatasetContractError(f"{where}: damaged JPEG: its frame header is too short. Copy it again.")
    bits, height, width, components = struct.unpack_from(">BHHB", body)
    if bits != 8:
        raise DatasetContractError(f"{where}: expected a JPEG of 8 bits a sample, got {bits}. Convert it to PNG.")
    if not width or not height:
        raise DatasetContractError(f"{where}: expected a JPEG with pixels, got {width}x{height}. Copy it again.")
    return JpegHeader((width, height), components)


def _cut_short(where: str, size: int) -> DatasetContractError:
    return DatasetContractError(
        f"{where}: JPEG truncated: expected an end marker, got {size} bytes without one. Copy the image again."
    )
