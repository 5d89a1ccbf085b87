"""Where the folders of images and labels are below the folder that a person names, and what is there if they are not.

Knows folder names alone; what the files are called is left to `tree`, what they say to `validation`.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from kittidet.errors import DatasetContractError

# Folders of images and labels that belong together, KITTI's own first.
FOLDER_PAIRS = (("image_2", "label_2"), ("images", "labels"), ("data", "labels"))
MAPPING_DIR = "mapping"

_NAMES = frozenset({name for pair in FOLDER_PAIRS for name in pair} | {MAPPING_DIR})
# KITTI's frames for the benchmark's server have no labels.
_UNLABELLED = frozenset({"testing", "test"})
# tensorflow_datasets/downloads/extracted/<zip>/training/image_2 is five levels deep. A folder of many others, such as a
# person's home, is not searched to its end.
_DEPTH, _SEARCHED = 5, 2_000
# How many files are looked at to say what is in a folder, and how many kinds of files are named.
_LOOKED_AT, _NAMED = 20_000, 6
_ZIPS = "data_object_image_2.zip and data_object_label_2.zip"
_FORMS = {
    ".parquet": f"Parquet files hold a copy of KITTI in another form (Hugging Face); get {_ZIPS} instead.",
    ".arrow": f"Arrow files hold a copy of KITTI in another form (Hugging Face); get {_ZIPS} instead.",
    ".tfrecord": f"TFRecords hold a copy of KITTI in another form (TensorFlow Datasets); get {_ZIPS} instead.",
    ".zip": f"Unpack the zip, or name the folder with {_ZIPS}.",
    ".yaml": "A YOLO data set is one of source.kind=yolo.",
    ".json": "A COCO data set is one of source.kind=coco.",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of a tree.

    Attributes:
        images: the folder of images.
        labels: the folder of labels, beside it or, with zips that were unpacked one by one, elsewhere.
        mappings: folders that may hold the devkit's mapping, in the order to look there.
    """

    images: Path
    labels: Path
    mappings: tuple[Path, ...] = ()

    @property
    def places(self) -> tuple[Path, ...]:
        """The folders that hold those of images and labels, and the folders above."""
        parents = (self.images.parent, self.labels.parent)
        return tuple(dict.fromkeys((*(p.parent for p in parents), *parents)))


def find_layout(root: Path) -> Layout:
    """Return the folders of the tree at or below a folder.

    One of ``FOLDER_PAIRS`` in the folder or in its ``training`` folder is the tree. Otherwise it is the only pair
    below, or KITTI's two folders in different places, as zips leave them that were unpacked one by one.

    Raises:
        DatasetContractError: if there is none, or more than one; the message says what is there.
    """
    direct = direct_layout(root)
    # Without files it may hold what its zip held: image_2/training/image_2.
    if direct is not None and _has_files(direct.images):
        return direct
    folders = list(islice(_folders_below(root), _SEARCHED)) if root.is_dir() else []
    for names in FOLDER_PAIRS:
        images, labels = ([f for f in folders if f.name == name and _has_files(f)] for name in names)
        pairs = [(image, label) for image in images for label in labels if image.parent == label.parent]
        if not pairs and names == FOLDER_PAIRS[0]:
            pairs = [(image, label) for image in images for label in labels if _share_frames(image, label)]
        if len(pairs) > 1:
            found = ", ".join(f"{i.relative_to(root)} with {label.relative_to(root)}" for i, label in pairs[:_NAMED])
            raise DatasetContractError(f"{root}: expected one KITTI tree, got {len(pairs)}: {found}. Name one of them.")
        if pairs:
            return Layout(*pairs[0], tuple(f for f in folders if f.name == MAPPING_DIR))
    if direct is None:
        raise DatasetContractError(describe_miss(root))
    return direct


def direct_layout(root: Path) -> Layout | None:
    """Return the pair of folders that is in a folder or in its ``training`` folder; None without one."""
    for folder in (root / "training", root):
        for images, labels in FOLDER_PAIRS:
            if (folder / images).is_dir() and (folder / labels).is_dir():
                return Layout(folder / images, folder / labels)
    return None


def is_tree(root: Path) -> bool:
    """Return whether there is one tree at or below a folder."""
    try:
        return bool(find_layout(root))
    except DatasetContractError:
        return False


def describe_miss(root: Path) -> str:
    """Return, as one message, what a KITTI tree is, what is in a folder instead, and what to do."""
    if not root.exists():
        return f"{root}: no such folder: expected a KITTI tree. Check the path (`source.path`)."
    pairs = " or ".join(f"{images}/ with {labels}/" for images, labels in FOLDER_PAIRS)
    kinds = {suffix for suffix, _ in _count_files(root)}
    form = next((text for suffix, text in _FORMS.items() if suffix in kinds), "")
    return (
        f"{root}: not a KITTI tree: expected {pairs} in it or in its training/, or {_ZIPS} (packed, or unpacked "
        f"side by side), got {describe_files(root)}. {form or 'Name the folder above them, or unpack the zips there.'}"
    )


def describe_files(root: Path) -> str:
    """Return what is in a folder, for a message: ``6 .jpg in images/, 6 .txt in labels/``."""
    if root.is_file():
        return f"a file ({root.name})"
    counts = _count_files(root)
    found = [f"{n} {suffix} in {'it' if name == '.' else name + '/'}" for (suffix, name), n in counts.items()]
    more = len(found) - _NAMED
    folders = ", ".join(sorted(f"{p.name}/ without files" for p in root.iterdir() if p.is_dir())[:_NAMED])
    return ", ".join(found[:_NAMED]) + (f" and {more} more kinds" if more > 0 else "") or folders or "an empty folder"


def _count_files(root: Path) -> Counter[tuple[str, str]]:
    """Return how many files of a suffix are in a folder below the root (or of the root itself, if it is a file)."""
    counts: Counter[tuple[str, str]] = Counter()
    patterns = ("/".join("*" * depth) for depth in range(1, _DEPTH + 1))
    entries = (p for pattern in patterns for p in root.glob(pattern) if not p.name.startswith("."))
    for path in [root] if root.is_file() else islice(entries, _LOOKED_AT):
        if path.is_file():
            # A shard's number is no part of its kind: kitti-train.tfrecord-00000-of-00016.
            suffix = ".tfrecord" if ".tfrecord" in path.name else path.suffix.lower()
            folder = "." if path == root else path.parent.relative_to(root).as_posix()
            counts[suffix or "files without a suffix", folder] += 1
    return counts


def _share_frames(images: Path, labels: Path) -> bool:
    """Return whether a label is of an image there: ``data_scene_flow/training/image_2`` has no object's."""
    return not {path.stem for path in images.iterdir()}.isdisjoint(path.stem for path in labels.iterdir())


def _folders_below(root: Path) -> Iterator[Path]:
    """Yield the folders below a folder, the nearest first; images and labels are not looked through."""
    level = [root]
    for _ in range(_DEPTH):
        below = [folder for above in level for folder in _folders_in(above)]
        yield from below
        level = [folder for folder in below if folder.name not in _NAMES or not _has_files(folder)]


def _has_files(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(entry.is_file() for entry in entries)


def _folders_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    except PermissionError:
        return []
    return [folder / name for name in sorted(names) if name not in _UNLABELLED]
