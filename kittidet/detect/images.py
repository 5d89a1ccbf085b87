"""Pictures to predict on: an image, a folder, a pattern or a video, each read when it is its turn."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from kittidet.errors import EvaluationError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})
VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"})


class ImageError(EvaluationError):
    """One picture cannot be read.

    Args:
        name: the file.
        reason: what is wrong with it.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: cannot read the picture: {reason}")
        self.name = name
        self.reason = reason


@dataclass(frozen=True, slots=True)
class LoadedImage:
    """Pixels with a name.

    Attributes:
        name: of its results: the file's stem, for video frames with their number.
        path: the file it comes from.
        pixels: ``[h, w, 3]`` uint8 RGB, turned as the camera says.
    """

    name: str
    path: Path
    pixels: npt.NDArray[np.uint8]

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]


@dataclass(frozen=True, slots=True)
class ImageSources:
    """Where pictures come from.

    Attributes:
        count: how many there are; None for a video, which does not always say.
        read_each: yields one function per picture; it reads the picture or raises ``ImageError``.
    """

    count: int | None
    read_each: Callable[[], Iterator[Callable[[], LoadedImage]]]


def find_images(source: str) -> ImageSources:
    """Return the pictures that a file name, a folder, a pattern such as ``drive/*.png``, or a video stands for.

    Raises:
        EvaluationError: if there is nothing, if two pictures would write the same result file, or if a video is
            asked for and no reader is installed.
    """
    path = Path(source)
    if path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES:
        reader = _video_reader(path)
        return ImageSources(None, partial(_video_frames, path, reader))
    paths = list_images(source)
    return ImageSources(len(paths), lambda: (partial(read_image, image) for image in paths))


def list_images(source: str) -> Sequence[Path]:
    """Return the image files that a name, folder or pattern stands for, sorted.

    Raises:
        EvaluationError: if there are none, or two of them have the same stem.
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
            f"{source}: expected an image, a folder of images, a pattern such as 'drive/*.png' or a video, "
            "got no file. Check the name; quote a pattern so that the shell leaves it alone."
        )
    repeated = sorted(stem for stem, count in Counter(p.stem for p in paths).items() if count > 1)
    if repeated:
        raise EvaluationError(
            f"{source}: {len(repeated)} names stand for more than one file, for example {repeated[0]!r}: their "
            "results would overwrite each other. Predict on one folder or file type at a time."
        )
    return paths


def read_image(path: Path) -> LoadedImage:
    """Return an image file's pixels as RGB, upright.

    Raises:
        ImageError: if it cannot be read whole.
    """
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            return LoadedImage(path.stem, path, np.asarray(upright.convert("RGB")))
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        # Pillow reports damage in all of these ways, depending on the format and on where the damage is.
        raise ImageError(str(path), str(error) or type(error).__name__) from error


def _video_reader(path: Path) -> Any:
    try:
        import av  # noqa: PLC0415  an optional extra
    except ImportError as error:
        raise EvaluationError(
            f"{path}: reading a video needs the package av, which is not installed. Install it with "
            "pip install 'kittidet[video]', or cut the video into pictures first."
        ) from error
    return av


def _video_frames(path: Path, av: Any) -> Iterator[Callable[[], LoadedImage]]:
    try:
        with av.open(str(path)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                pixels = frame.to_ndarray(format="rgb24")
                yield partial(LoadedImage, f"{path.stem}-{number:06d}", path, pixels)
    except (av.FFmpegError, IndexError, ValueError) as error:
        message = f"the video ends early or is damaged: {error}"

        def fail() -> LoadedImage:
            raise ImageError(str(path), message)

        yield fail
