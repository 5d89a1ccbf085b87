"""The pixels of an opened image as 8-bit RGB, upright: the one rule, wherever Pillow opens an image.

16-bit samples keep their high byte, grey becomes RGB, a palette its colours, transparency is dropped, and the image is
turned as its EXIF orientation says. CMYK of a JPEG is inverted only where its Adobe marker says so, and a TIFF may
store white as 0.
"""

import struct

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageChops, ImageOps

from kittidet.config import MAX_SIDE_PX

Pixels = npt.NDArray[np.uint8]

# Tags of a TIFF: bits of each sample, and what a sample of 0 means (0: white).
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262


def to_rgb(image: Image.Image, *, turn: bool = True) -> Pixels:
    """Return the pixels ``[h, w, 3]`` of an opened image as 8-bit RGB, upright; the image itself stays as it is.

    Args:
        image: from Pillow.
        turn: False leaves the pixels as they are stored, as readers of records see them.

    Raises:
        ValueError: if a side is above ``MAX_SIDE_PX``, seen before pixels are decoded, or samples have over 16 bits.
        OSError, SyntaxError, EOFError: from Pillow, if it is damaged.
    """
    if max(image.size) > MAX_SIDE_PX:
        raise ValueError(f"expected sides of at most {MAX_SIDE_PX} px, got {image.width}x{image.height}")
    upright = ImageOps.exif_transpose(image) if turn and orientation_of(image) != 1 else image.copy()
    if upright.mode.startswith("I;16"):
        # Pillow's own conversion clips at 255, which leaves a white image.
        tags = getattr(image, "tag_v2", {})
        bits = tags.get(_BITS_PER_SAMPLE, (16,))[0]
        if bits != 16:
            raise ValueError(f"expected 8 or 16 bits a sample, got {bits}. Convert it first")
        grey = (np.asarray(upright) >> 8).astype(np.uint8)
        # Pillow turns white that is stored as 0 around in 8-bit images alone.
        grey = 255 - grey if tags.get(_PHOTOMETRIC) == 0 else grey
        return np.repeat(grey[..., None], 3, axis=2)
    if upright.mode in {"I", "F"}:
        raise ValueError(f"expected 8 or 16 bits a sample, got 32 (Pillow's mode {upright.mode}). Convert it first")
    if upright.mode == "CMYK" and image.format in {"JPEG", "MPO"} and "adobe" not in image.info:
        # Pillow takes every CMYK JPEG for one of Adobe's, which are stored inverted.
        upright = ImageChops.invert(upright)
    upright.info.pop("transparency", None)
    return np.asarray(upright.convert("RGB"))


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation by which the pixels of an opened image are to be turned, 2 to 8; 1 if they are not.

    EXIF data that cannot be read, and values that mean nothing, turn no pixel.

    Raises:
        OSError, ValueError: from Pillow, which reads a PNG's pixels to find what follows them, if they are damaged.
    """
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except (SyntaxError, struct.error):
        return 1
    return int(value) if value in range(2, 9) else 1
