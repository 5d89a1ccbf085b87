"""What every conversion shares: the folder it makes, the images in it, and what it says it did."""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image

from kittidet.errors import DatasetContractError
from kittidet.kitti.rgb import orientation_of, to_rgb

log = logging.getLogger(__name__)

ImageMode = Literal["link", "copy", "none"]

# Pillow's names of the formats that a KITTI tree holds as they are; MPO is a JPEG with previews after it.
_SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "MPO": ".jpg"}
_ON_ITS_SIDE = range(5, 9)  # EXIF orientations
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a conversion wrote and what it had to leave out.

    Attributes:
        path: the folder.
        frames: label files or image entries written.
        objects: rows written, DontCare included where the format has it.
        lost: description -> how many; empty where nothing is lost.
    """

    path: Path
    frames: int
    objects: int
    lost: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the header of an image file says.

    Attributes:
        size_wh: upright, as labelling tools show it, pixels.
        suffix: in a KITTI tree; None if it has to be rewritten: another format, or pixels that do not lie upright.
    """

    size_wh: tuple[int, int]
    suffix: str | None


def look_at(path: Path) -> ImageFacts:
    """Return what an image file's header says, and of a TIFF its pixels.

    Raises:
        DatasetContractError: if it cannot be read as an image.
    """
    try:
        with Image.open(path) as image:
            if image.format == "TIFF":
                image.load()  # Pillow turns it itself; its size before is one or the other, by version
            orientation = orientation_of(image)
            width, height = image.size
            size = (height, width) if orientation in _ON_ITS_SIDE else (width, height)
            return ImageFacts(size, None if orientation != 1 else _SUFFIXES.get(str(image.format)))
    except _DAMAGE as error:
        raise DatasetContractError(f"{path}: cannot be read as an image: {error}.") from error


def place_upright(source: Path, stem: Path, mode: ImageMode) -> None:
    """Link or copy an image into a KITTI tree; what is no upright PNG or JPEG is rewritten as one.

    Args:
        source: the image file.
        stem: where it goes, without suffix.
        mode: ``link`` refuses an image that would have to be rewritten; ``none`` does nothing.

    Raises:
        DatasetContractError: if it is missing, damaged, or cannot be linked.
    """
    if mode == "none":
        return
    suffix = look_at(source).suffix
    if suffix is not None:
        place(source, stem.with_name(stem.name + suffix), mode)
        return
    if mode == "link":
        raise DatasetContractError(
            f"{source}: expected an upright PNG or JPEG, got another format or an EXIF orientation that turns it. "
            "Use --images copy to rewrite it upright."
        )
    stem.parent.mkdir(parents=True, exist_ok=True)
    try:
        with Image.open(source) as image:
            Image.fromarray(to_rgb(image)).save(stem.with_name(stem.name + ".png"))
    except _DAMAGE as error:
        raise DatasetContractError(f"{source}: cannot be read as an image: {error}.") from error


def place(source: Path, target: Path, mode: ImageMode) -> None:
    """Link or copy a file as it is, unless the target is there already.

    Raises:
        DatasetContractError: if it is missing.
    """
    if mode == "none":
        return
    if not source.is_file():
        raise DatasetContractError(f"{source}: the image is missing. Use --images none to convert only the labels.")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return  # the same frame in two splits
    if mode == "link":
        target.symlink_to(source.resolve())
    else:
        shutil.copyfile(source, target)


def free_folder(out_dir: Path) -> Path:
    """Return the folder to make.

    Raises:
        DatasetContractError: if it exists.
    """
    if out_dir.exists():
        raise DatasetContractError(f"{out_dir}: already exists. Choose another folder or remove this one.")
    return out_dir


def write_exactly(path: Path, text: str) -> None:
    """Write a text with the line endings that it has."""
    path.write_text(text, encoding="utf-8", newline="")


def log_conversion(target: str, result: Conversion) -> Conversion:
    """Return the conversion after logging what it wrote and lost."""
    log.info("convert to=%s frames=%d objects=%d folder=%s", target, result.frames, result.objects, result.path)
    for sentence, count in result.lost.items():
        log.warning("convert.lost to=%s count=%d what=%s", target, count, sentence)
    return result
