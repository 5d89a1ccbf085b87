"""The images of records: whether each decodes whole, looked at on every core; without TensorFlow."""

import io
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from kittidet.errors import DatasetContractError, RecordError
from kittidet.kitti.png import check_png_bytes, is_png
from kittidet.kitti.validation.pixels import check_pixels
from kittidet.records.example import ENCODED
from kittidet.records.message import Features
from kittidet.records.reader import find_image

# Where a record was read, and its features.
Record = tuple[str, Features]

# Raised for a file that is not an image, is damaged, or declares a size that would fill the memory.
IMAGE_ERRORS = (OSError, UnidentifiedImageError, Image.DecompressionBombError)


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What is known of an image in a record.

    Attributes:
        size_wh: pixels; None without a readable header.
        problem: what keeps a reader from decoding it whole; None if nothing does.
    """

    size_wh: tuple[int, int] | None
    problem: str | None


def with_images(records: Iterable[Record], images_dir: Path | None = None) -> Iterator[tuple[Record, ImageFacts]]:
    """Yield records in their order, each with what is known of its image.

    Nearly all the time goes into unpacking pixels, which releases the interpreter lock: threads use every core, and
    records are read no more than two a thread ahead. ``images_dir`` is that of `reader.find_image`.
    """
    workers = os.cpu_count() or 1
    waiting: deque[tuple[Record, Future[ImageFacts]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for record in records:
            waiting.append((record, pool.submit(look_at_image, record[1], images_dir)))
            if len(waiting) > 2 * workers:
                first, facts = waiting.popleft()
                yield first, facts.result()
        for last, facts in waiting:
            yield last, facts.result()


def look_at_image(features: Features, images_dir: Path | None = None) -> ImageFacts:
    """Return what is known of the image of a record, after decoding it."""
    try:
        encoded = find_image(features, images_dir)
    except RecordError as error:
        return ImageFacts(None, str(error))
    if encoded is None:
        return ImageFacts(None, f"expected {ENCODED}, got none")
    try:
        with Image.open(io.BytesIO(encoded)) as image:  # reads the header only
            size = image.size
    except IMAGE_ERRORS as error:
        return ImageFacts(None, f"{ENCODED} is not an image: {error}")
    damage = _find_damage(encoded)
    return ImageFacts(size, None if damage is None else f"{ENCODED} is damaged: {damage}")


def _find_damage(encoded: bytes) -> str | None:
    """Return what keeps an image with a readable header from being decoded whole."""
    try:
        if is_png(encoded):
            # Pillow fills missing rows with black.
            check_pixels(encoded, check_png_bytes(encoded, where="PNG"), where="PNG")
        else:
            with Image.open(io.BytesIO(encoded)) as image:
                image.load()
    except (DatasetContractError, *IMAGE_ERRORS) as error:
        return str(error)
    return None
