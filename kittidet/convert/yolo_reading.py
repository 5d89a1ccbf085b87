"""Reads YOLO data sets: the ``data.yaml``, the images of each split, and rows of boxes or polygons as KITTI rows.

Source:
    Ultralytics, "Object Detection Datasets Overview": YAML keys, folders ``images`` and ``labels`` side by side.
"""

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kittidet.classes import label_name
from kittidet.errors import DatasetContractError
from kittidet.frame import KittiObject
from kittidet.kitti.labels import format_label_line
from kittidet.limits import check_path
from kittidet.plain_yaml import load_yaml

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})
_SPLITS = ("train", "val")
# Shares of the image, and what rounding makes of them; more are pixels.
_SHARES = (-0.01, 1.01)


@dataclass(frozen=True, slots=True)
class YoloDataset:
    """A YOLO data set.

    Attributes:
        names: class number, from 0 -> name in one word.
        images: split -> file name, image file and label file of each image; the last need not exist.
        has_keypoints: whether keypoints follow the four numbers of a box.
    """

    names: Mapping[int, str]
    images: Mapping[str, Sequence[tuple[str, Path, Path]]]
    has_keypoints: bool = False


def read_yolo(data_yaml: Path) -> YoloDataset:
    """Return a YOLO data set.

    Args:
        data_yaml: the file, or a folder with a ``data.yaml``. Its ``path`` may be missing; folders are looked for
            from there, and from the file itself.

    Raises:
        DatasetContractError: if it describes none, a folder or an image is missing, or no image has labels.
        ConfigError: if a folder or file that it names is not in an allowed folder of this machine.
    """
    file = data_yaml / "data.yaml" if data_yaml.is_dir() else data_yaml
    try:
        values = load_yaml(file.read_text(encoding="utf-8"))
        names = values["names"]
        pairs = names.items() if isinstance(names, dict) else enumerate(names)
        named = {int(number): label_name(str(name)) for number, name in pairs}
        parts = {split: values[split] for split in _SPLITS if values.get(split)}
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise DatasetContractError(
            f"{file}: not a YOLO data.yaml ({type(error).__name__}: {error}). Expected names, train and val."
        ) from error
    if not parts:
        raise DatasetContractError(f"{file}: expected train or val, got neither. Name a folder of images.")
    bases = [file.parent / str(values.get("path") or ""), file.parent]
    images = {split: _images(part, bases, file) for split, part in parts.items()}
    every = [labels for found in images.values() for _, _, labels in found]
    if every and not any(labels.is_file() for labels in every):
        raise DatasetContractError(
            f"{file}: expected label files, got none for {len(every)} images, looked for {every[0]}. Put a folder "
            "`labels` beside `images`, with the same folders in it."
        )
    return YoloDataset(named, images, has_keypoints="kpt_shape" in values)


def rows_of(
    path: Path, size_wh: tuple[int, int], names: Mapping[int, str], lost: Counter[str], *, has_keypoints: bool = False
) -> str:
    """Return the KITTI label text of a YOLO label file; a missing one is of an image without objects.

    Args:
        path: the label file.
        size_wh: of the image, upright, pixels.
        names: class number -> name.
        lost: counts what a row cannot hold, by description.
        has_keypoints: whether keypoints follow the box in each row.

    Raises:
        DatasetContractError: naming file and line, if a row is wrong.
    """
    lines = []
    for number, line in enumerate(_read(path).splitlines() if path.is_file() else (), start=1):
        if not line.strip():
            continue
        try:
            kind, *values = (_finite(field) for field in line.split())
            name = names[int(kind) if kind.is_integer() else -1]
            if has_keypoints and len(values) > 4:
                values = values[:4]
                lost["keypoints"] += 1
            left, top, right, bottom = _corners(values)
        except (ValueError, KeyError) as error:
            raise DatasetContractError(
                f"{path}:{number}: expected a class of {len(names)} (from 0) and four shares of the image, 0..1, or a "
                f"polygon of them, got {line[:60]!r}. Correct the row."
            ) from error
        if len(values) > 4:
            lost["segmentation masks, reduced to their boxes"] += 1
        xyxy = (left * size_wh[0], top * size_wh[1], right * size_wh[0], bottom * size_wh[1])
        if round(xyxy[0], 2) >= round(xyxy[2], 2) or round(xyxy[1], 2) >= round(xyxy[3], 2):
            lost["boxes narrower or lower than a hundredth of a pixel"] += 1
            continue
        lines.append(format_label_line(replace(KittiObject.of_box(name, xyxy), truncated=0.0, occluded=0)) + "\n")
    return "".join(lines)


def _finite(field: str) -> float:
    value = float(field)
    if not math.isfinite(value):
        raise ValueError(field)
    return value


def _corners(values: Sequence[float]) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom, 0..1, of centre and size, or of a polygon's points.

    Raises:
        ValueError: if they are neither, or not shares of an image.
    """
    if not all(_SHARES[0] <= value <= _SHARES[1] for value in values):
        raise ValueError("no shares")
    if len(values) == 4:
        x, y, width, height = values
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2
    if len(values) < 6 or len(values) % 2:
        raise ValueError(f"{len(values)} numbers")
    return min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2])


def _images(part: Any, bases: Sequence[Path], file: Path) -> list[tuple[str, Path, Path]]:
    """Return the images of folders or lists of files; ``../train/images`` is also looked for as ``train/images``."""
    found: list[tuple[str, Path]] = []
    for entry in part if isinstance(part, list) else [part]:
        place = _first_place((str(entry), str(entry).removeprefix("../")), bases, where=f"{file}: {entry}")
        if place.is_dir():
            paths = sorted(p for p in place.rglob("*") if p.suffix.lower() in _SUFFIXES and p.name[0] != ".")
            found += [(p.relative_to(place).as_posix(), p) for p in paths]
        else:
            lines = [(number, line.strip()) for number, line in enumerate(_read(place).splitlines(), start=1)]
            folders = (place.parent, *bases)
            listed = [
                _first_place((line,), folders, where=f"{place}:{number}: {line}") for number, line in lines if line
            ]
            found += [(p.name, p) for p in listed]
    if len({name for name, _ in found}) < len(found):
        # Of the same names in different folders.
        common = os.path.commonpath([p.parent for _, p in found])
        found = [(p.relative_to(common).as_posix(), p) for _, p in found]
    images = [(name, p, _labels_of(p)) for name, p in found]
    for _, image, labels in images:
        check_path(image, what=str(file))
        check_path(labels, what=str(file))
    return images


def _first_place(names: Sequence[str], bases: Sequence[Path], *, where: str) -> Path:
    """Return the first file or folder of these names that there is below these folders.

    Raises:
        DatasetContractError: if there is none.
        ConfigError: if it is not in an allowed folder of this machine.
    """
    places = [base / name for name in names for base in bases]
    place = next((p for p in places if os.path.exists(p)), None)  # noqa: PTH110  false for names that cannot be
    if place is None:
        raise DatasetContractError(f"{where}: no such folder or file, looked for {places[0]}. Correct the file.")
    check_path(place, what=where)
    return place


def _labels_of(image: Path) -> Path:
    """Return the label file of an image: the last folder called ``images`` in its path becomes ``labels``."""
    parts = list(image.parts)
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    labels = Path(*parts).with_suffix(".txt")
    capital = labels.with_suffix(".TXT")
    return capital if not labels.is_file() and capital.is_file() else labels


def _read(path: Path) -> str:
    try:
        # Some editors begin a file with a byte order mark.
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetContractError(f"{path}: cannot be read as text: {error}.") from error
