"""Images of frames: read from the data, written beside the page as PNG files, carried by the page as JPEGs."""

import base64
import io
from pathlib import Path
from typing import Any

from PIL import Image

from kittidet.detect import images
from kittidet.errors import DatasetContractError
from kittidet.frame import Frame

FAST_PNG = 2  # of 9: the next ones cost seconds an image and save a tenth

_JPEG_QUALITY = 84  # the page carries every image in itself; the PNG files beside it lose nothing


def read_image(frame: Frame) -> Image.Image:
    """Return the pixels of a frame, RGB, as the detector sees them.

    Raises:
        DatasetContractError: if the file cannot be read as an image.
    """
    try:
        return Image.fromarray(images.read_image(frame.image_path).pixels)
    except images.ImageError as error:
        raise DatasetContractError(f"{error}.") from error


def save_image(image: Image.Image, folder: Path, name: str, *, frame_id: str, caption: str) -> dict[str, Any]:
    """Write an image as a PNG file of the report and return what the page shows of it.

    Args:
        image: at full size.
        folder: the report.
        name: the file, relative to the report.
        frame_id: where the image is from.
        caption: a few words.
    """
    (folder / name).parent.mkdir(exist_ok=True)
    image.save(folder / name, compress_level=FAST_PNG)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_JPEG_QUALITY, optimize=True, progressive=True)
    return {
        "frame_id": frame_id,
        "caption": caption,
        "png": name,
        "data": f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}",
        "width": image.width,
        "height": image.height,
    }
