"""One image: from its file, or from memory, to 8-bit RGB, upright. The rule that training and exports follow too.

The rule is ``kitti.rgb``'s. ``detect.preprocess.decode_rgb`` is the same rule as TensorFlow ops, which read
PNG, JPEG and BMP and do not turn; ``tests/kittidet/detect/test_one_reading.py`` holds both equal to the bit. Where
images come from is ``detect.sources``' business.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from kittidet.config import MAX_SIDE_PX
from kittidet.errors import DatasetContractError, EvaluationError
from kittidet.kitti.image_file import read_image_bytes
from kittidet.kitti.png import is_png, parse_png_header
from kittidet.kitti.rgb import Pixels, to_rgb
from kittidet.kitti.validation.pixels import find_row_problem

Read: TypeAlias = Callable[[], "LoadedImage"]


class ImageError(EvaluationError):
    """One image cannot be read.

    Args:
        name: the file.
        reason: what is wrong with it.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: cannot read the image: {reason}")
        self.name = name
        self.reason = reason


@dataclass(frozen=True, slots=True)
class LoadedImage:
    """Pixels with a name.

    Attributes:
        name: of its results: the file's stem, for video frames with their number, in memory its place.
        file_name: of the file it comes from; its name where it comes from memory.
        pixels: ``[h, w, 3]`` uint8 RGB, upright.
    """

    name: str
    file_name: str
    pixels: Pixels

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]


def read_image(path: Path) -> LoadedImage:
    """Return an image file's pixels as 8-bit RGB, upright.

    Raises:
        ImageError: if it cannot be read whole, has a side above ``MAX_SIDE_PX``, or samples of more than 16 bits.
    """
    try:
        data = read_image_bytes(path)
        if problem := _find_missing_rows(data, path.name):
            raise ImageError(str(path), problem)
        with Image.open(io.BytesIO(data)) as image:
            pixels = to_rgb(image)
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError, DatasetContractError) as error:
        # Pillow reports damage in all of these ways, depending on the format and on where the damage is.
        raise ImageError(str(path), str(error) or type(error).__name__) from error
    return LoadedImage(path.stem, path.name, pixels)


def _find_missing_rows(data: bytes, name: str) -> str | None:
    """Return which rows a PNG lacks: Pillow makes room for all of them, and fills these with black."""
    if not is_png(data):
        return None
    header = parse_png_header(data, where=name)
    # What is too large is refused by its size.
    return find_row_problem(data, header) if max(header.size_wh) <= MAX_SIDE_PX else None
