"""The images a source stands for: a file, folder, pattern, video, camera or pixels; each is read in its turn."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from kittidet.config import SIDE_PX
from kittidet.detect.images import ImageError, LoadedImage, Read, read_image
from kittidet.detect.video import is_live, is_video_file, live_frames, video_frames
from kittidet.errors import EvaluationError
from kittidet.kitti.image_file import find_size_problem
from kittidet.kitti.rgb import Pixels, to_rgb

ImageSource: TypeAlias = str | os.PathLike[str] | Pixels | Image.Image

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})


@dataclass(frozen=True, slots=True)
class ImageSources:
    """Where images come from.

    Attributes:
        count: how many there are; None with a video, which does not always state it.
        reads: one function per image, to be gone through once; it reads the image or raises ``ImageError``.
        live: whether a camera or stream is among them, which may never end.
    """

    count: int | None
    reads: Iterator[Read]
    live: bool = False

    def at_most(self, count: int) -> bool:
        """Whether it is known that there are no more than so many."""
        return self.count is not None and self.count <= count


def find_images(source: ImageSource | Iterable[ImageSource], *, side_px: tuple[int, int] = SIDE_PX) -> ImageSources:
    """Return the images that a source stands for.

    Args:
        source: a file, a folder, a pattern such as ``drive/*.png``, a video, a camera's number, the address of a
            stream, pixels ``[h, w, 3]`` uint8 RGB, an image of Pillow's, or several of these. Images in memory are
            called ``image-<place>``.
        side_px: smallest and largest side; reading an image with any other is an ``ImageError``. The default is that
            of the data contract.

    Raises:
        EvaluationError: if a name stands for nothing, if two files would have results of the same name, if a
            camera or stream cannot be opened, or if a video is given and no reader is installed.
        ValueError: if an array is no RGB image.
    """
    alone = isinstance(source, (str, os.PathLike, np.ndarray, Image.Image))
    items: Iterable[Any] = [source] if alone else source  # type: ignore[assignment]
    parts: list[Iterable[Read]] = []
    files: list[Path] = []
    count: int | None = 0
    live = False
    for place, item in enumerate(items):
        if isinstance(item, (np.ndarray, Image.Image)):
            found: Sequence[Read] = [_from_memory(item, f"image-{place}")]
        elif is_video_file(Path(item)) or is_live(os.fspath(item)):
            live = live or is_live(os.fspath(item))
            parts.append(live_frames(os.fspath(item)) if is_live(os.fspath(item)) else video_frames(Path(item)))
            count = None
            continue
        else:
            paths = list_images(os.fspath(item))
            files += paths
            found = [partial(read_image, path) for path in paths]
        parts.append(found)
        count = None if count is None else count + len(found)
    repeated = sorted(stem for stem, times in Counter(path.stem for path in files).items() if times > 1)
    if repeated:
        raise EvaluationError(
            f"{source}: {len(repeated)} names stand for more than one file, for example {repeated[0]!r}: their "
            "results would overwrite each other. Predict on one folder or file type at a time."
        )
    reads = (partial(_read_sized, read, side_px) for read in chain.from_iterable(parts))
    return ImageSources(count, reads, live=live)


def list_images(source: str) -> Sequence[Path]:
    """Return the image files that a name, folder or pattern stands for, sorted.

    Raises:
        EvaluationError: if there are none.
    """
    path = Path(source)
    if path.is_dir():
        paths = sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file())
    elif path.is_file():
        # Whatever it is called: the person named it.
        paths = [path]
    else:
        root, pattern = (Path(path.anchor), str(path.relative_to(path.anchor))) if path.anchor else (Path(), source)
        has_pattern = any(mark in source for mark in "*?[")
        paths = sorted(p for p in root.glob(pattern) if p.is_file()) if has_pattern else []
    if not paths:
        raise EvaluationError(
            f"{source}: expected an image, a folder of images, a pattern such as 'drive/*.png', a video, "
            "a camera's number or a stream's address, got no file. Check the name; quote a pattern so that the shell "
            "leaves it alone."
        )
    return paths


def _read_sized(read: Read, side_px: tuple[int, int]) -> LoadedImage:
    image = read()
    if problem := find_size_problem(image.size_wh, side_px):
        advice = "Scale it up" if min(image.size_wh) < side_px[0] else "Scale it down"
        raise ImageError(image.file_name, f"{problem}. {advice}, or copy the image again if that is not its size.")
    return image


def _from_memory(image: Pixels | Image.Image, name: str) -> Read:
    if isinstance(image, Image.Image):

        def read() -> LoadedImage:
            try:
                return LoadedImage(name, name, to_rgb(image))
            except (OSError, ValueError, SyntaxError, EOFError) as error:
                raise ImageError(name, str(error)) from error

        return read
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"{name}: expected RGB pixels [h, w, 3] uint8, 0..255, got {list(image.shape)} {image.dtype}")
    return partial(LoadedImage, name, name, image)
