"""An image file of a data set, PNG or JPEG by its content: its header, and whether it is whole; decodes no pixels."""

from pathlib import Path
from typing import TypeAlias

from kittidet.errors import DatasetContractError
from kittidet.kitti.jpeg import JpegHeader, check_jpeg_bytes, is_jpeg, parse_jpeg_header
from kittidet.kitti.png import PngHeader, check_png_bytes, parse_png_header

ImageHeader: TypeAlias = PngHeader | JpegHeader

# A road camera's image is a few MiB; the limit keeps a file that is something else out of memory.
_MAX_FILE_BYTES = 256 << 20
# A JPEG's frame header comes after its EXIF data and colour profile, of which each part has at most 64 KiB.
_HEAD_BYTES = 256 << 10


def image_format(data: bytes) -> str:
    """Return ``jpeg`` or ``png``, the format by which these bytes are read."""
    return "jpeg" if is_jpeg(data) else "png"


def read_image_bytes(path: Path) -> bytes:
    """Return the bytes of an image file of plausible size.

    Raises:
        DatasetContractError: if the file cannot be read or is too large.
    """
    try:
        size = path.stat().st_size
        if size > _MAX_FILE_BYTES:
            raise DatasetContractError(
                f"{path}: expected an image of at most {_MAX_FILE_BYTES >> 20} MiB, got {size >> 20} MiB. "
                "Copy or unpack it again."
            )
        return path.read_bytes()
    except OSError as error:
        raise DatasetContractError(f"{path}: cannot read the image: {error.strerror}.") from error


def check_image_bytes(data: bytes, *, where: str) -> ImageHeader:
    """Return the header of a PNG or JPEG in memory, after checking that the file is whole.

    Args:
        data: the whole file.
        where: its name, for the message.

    Raises:
        DatasetContractError: if it is neither, is truncated or damaged.
    """
    return (check_jpeg_bytes if is_jpeg(data) else check_png_bytes)(data, where=where)


def find_size_problem(size_wh: tuple[int, int], side_px: tuple[int, int]) -> str | None:
    """Return what is expected of an image's size and what it is, None if it is accepted.

    Args:
        size_wh: width and height, pixels.
        side_px: smallest and largest side that is accepted, pixels.
    """
    low, high = side_px
    width, height = size_wh
    if low <= min(size_wh) and max(size_wh) <= high:
        return None
    return f"expected sides of {low}..{high} px, got {width}x{height}"


def read_image_size(path: Path) -> tuple[int, int]:
    """Return width and height in pixels, as stored, from the header of a PNG or JPEG file.

    Raises:
        DatasetContractError: if the file cannot be read or starts like neither.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
            if is_jpeg(head):
                try:
                    return parse_jpeg_header(head, where=str(path)).size_wh
                except DatasetContractError:
                    return parse_jpeg_header(head + stream.read(_MAX_FILE_BYTES), where=str(path)).size_wh
    except OSError as error:
        raise DatasetContractError(f"{path}: cannot read the image: {error.strerror}.") from error
    return parse_png_header(head, where=str(path)).size_wh
