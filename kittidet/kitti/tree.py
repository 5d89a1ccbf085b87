"""An unpacked KITTI folder: which frames are in it, where their files are, and a digest of its content.

Knows names and bytes; what the files say is left to `labels`, `png` and `validation`. Never writes into the data.
"""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from kittidet.errors import DatasetContractError
from kittidet.files import digest_of
from kittidet.kitti.inventory import digest_files
from kittidet.kitti.mapping import MAPPING_FILES, read_drives

IMAGE_DIR, LABEL_DIR, MAPPING_DIR = "image_2", "label_2", "mapping"
IMAGE_SUFFIX, LABEL_SUFFIX = ".png", ".txt"


class KittiTree:
    """The training part of a KITTI folder. It is listed once; open the tree again to see later changes.

    Args:
        root: the folder as given: one with ``training/image_2`` in it, or the ``training`` folder itself.
        mapping_dir: where the devkit's mapping is, if not in the usual places under the root.
        stat_cache: a file outside the data that caches the digests of unchanged files between runs.

    Attributes:
        root: as given, absolute.
        training_dir: the folder that holds ``image_2`` and ``label_2``.

    Raises:
        DatasetContractError: if there is no KITTI layout below the root.
    """

    def __init__(self, root: Path, *, mapping_dir: Path | None = None, stat_cache: Path | None = None) -> None:
        self.root = Path(root).absolute()
        self.training_dir = _find_training_dir(self.root)
        self._mapping_dir = mapping_dir
        self._stat_cache = stat_cache
        self._images = _list_files(self.training_dir / IMAGE_DIR)
        self._labels = _list_files(self.training_dir / LABEL_DIR)

    @cached_property
    def image_ids(self) -> frozenset[str]:
        """Names without suffix of the ``.png`` files in ``image_2``."""
        return _stems(self._images, IMAGE_SUFFIX)

    @cached_property
    def label_ids(self) -> frozenset[str]:
        """Names without suffix of the ``.txt`` files in ``label_2``."""
        return _stems(self._labels, LABEL_SUFFIX)

    @cached_property
    def frame_ids(self) -> tuple[str, ...]:
        """Ids that have both an image and a label file, sorted."""
        return tuple(sorted(self.image_ids & self.label_ids))

    @cached_property
    def without_image(self) -> tuple[str, ...]:
        """Ids that have a label file and no image, sorted."""
        return tuple(sorted(self.label_ids - self.image_ids))

    @cached_property
    def without_label(self) -> tuple[str, ...]:
        """Ids that have an image and no label file, sorted."""
        return tuple(sorted(self.image_ids - self.label_ids))

    @cached_property
    def strays(self) -> tuple[str, ...]:
        """Files in the two folders that are neither image nor label, relative to the training folder, sorted."""
        images = [f"{IMAGE_DIR}/{name}" for name in self._images if not name.endswith(IMAGE_SUFFIX)]
        labels = [f"{LABEL_DIR}/{name}" for name in self._labels if not name.endswith(LABEL_SUFFIX)]
        return tuple(sorted(images + labels))

    def image_path(self, frame_id: str) -> Path:
        """Return where the image of a frame is, or would be."""
        return self.training_dir / IMAGE_DIR / f"{frame_id}{IMAGE_SUFFIX}"

    def label_path(self, frame_id: str) -> Path:
        """Return where the label file of a frame is, or would be."""
        return self.training_dir / LABEL_DIR / f"{frame_id}{LABEL_SUFFIX}"

    @cached_property
    def mapping_dir(self) -> Path | None:
        """The folder with both mapping files of the devkit, or None where there is none."""
        candidates: list[Path] = [] if self._mapping_dir is None else [self._mapping_dir]
        for base in (self.root, self.training_dir.parent, self.training_dir):
            candidates += [base / MAPPING_DIR, base / "devkit" / MAPPING_DIR, base / "devkit_object" / MAPPING_DIR]
        return next((d for d in candidates if all((d / name).is_file() for name in MAPPING_FILES)), None)

    def drive_of(self) -> dict[str, str]:
        """Return frame id -> drive name, for the frames of this tree; empty where there is no mapping.

        Raises:
            DatasetContractError: if there is a mapping and it is wrong.
        """
        if self.mapping_dir is None:
            return {}
        drives = read_drives(self.mapping_dir)
        return {frame_id: drives[frame_id] for frame_id in self.frame_ids if frame_id in drives}

    def inventory(self) -> dict[str, str]:
        """Return the sha256 of every data file, by path: ``image_2/...``, ``label_2/...``, ``mapping/...``.

        Files with unchanged size and times are taken from the stat cache, where there is one.
        """
        files = {f"{IMAGE_DIR}/{name}": self.training_dir / IMAGE_DIR / name for name in self._images}
        files |= {f"{LABEL_DIR}/{name}": self.training_dir / LABEL_DIR / name for name in self._labels}
        if self.mapping_dir is not None:
            files |= {f"{MAPPING_DIR}/{name}": self.mapping_dir / name for name in MAPPING_FILES}
        return digest_files(files, stat_cache=self._stat_cache)

    def digest(self) -> str:
        """Return one sha256 for the content of the tree, independent of its location."""
        return digest_of(self.inventory())


def open_tree(root: Path | str, *, mapping_dir: Path | None = None, stat_cache: Path | None = None) -> KittiTree:
    """Return the KITTI tree at a folder: one with ``training/image_2`` in it, or the ``training`` folder itself.

    Raises:
        DatasetContractError: if there is no KITTI layout there.
    """
    return KittiTree(Path(root), mapping_dir=mapping_dir, stat_cache=stat_cache)


def is_tree(root: Path) -> bool:
    """Return whether a folder has the KITTI layout, directly or under ``training``."""
    return any(_has_layout(folder) for folder in (root / "training", root))


def _has_layout(folder: Path) -> bool:
    return (folder / IMAGE_DIR).is_dir() and (folder / LABEL_DIR).is_dir()


def _find_training_dir(root: Path) -> Path:
    for folder in (root / "training", root):
        if _has_layout(folder):
            return folder
    if not root.is_dir():
        raise DatasetContractError(f"{root}: no such folder: expected a KITTI tree. Check the path (`source.path`).")
    got = ", ".join(sorted(p.name for p in root.iterdir())[:8])
    raise DatasetContractError(
        f"{root}: not a KITTI tree: expected training/{IMAGE_DIR} and training/{LABEL_DIR} (or both directly in it), "
        f"got {got or 'an empty folder'}. Unpack data_object_image_2.zip and data_object_label_2.zip there."
    )


def _list_files(folder: Path) -> tuple[str, ...]:
    # Names that start with a dot belong to the file manager, not the data (.DS_Store, ._000000.png).
    return tuple(sorted(p.name for p in folder.iterdir() if not p.name.startswith(".") and p.is_file()))


def _stems(names: Iterable[str], suffix: str) -> frozenset[str]:
    return frozenset(name.removesuffix(suffix) for name in names if name.endswith(suffix))
