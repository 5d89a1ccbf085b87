"""An unpacked KITTI folder: which frames are in it, where their files are, and a digest of its content.

Knows names and bytes; what the files say is left to `labels`, `image_file` and `validation`. Never writes
into the data.
"""

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path

from kittidet.errors import DatasetContractError
from kittidet.files import digest_of
from kittidet.kitti.inventory import digest_files
from kittidet.kitti.mapping import MAPPING_FILES, Moment, read_moments

MAPPING_DIR = "mapping"
# Folders of images and labels that belong together, KITTI's own first.
FOLDER_PAIRS = (("image_2", "label_2"), ("images", "labels"), ("data", "labels"))
IMAGE_SUFFIXES, LABEL_SUFFIX = (".png", ".jpg", ".jpeg"), ".txt"

# How many entries of a folder are looked at to say what is in it, and how many kinds of files are named.
_LOOKED_AT, _NAMED = 20_000, 6


class KittiTree:
    """The labelled part of a KITTI folder. It is listed once; open the tree again to see later changes.

    A frame's id is the stem of its files, whatever that is; its image is a PNG or a JPEG.

    Args:
        root: the folder as given: one of ``FOLDER_PAIRS`` is in it, or in its ``training`` folder.
        mapping_dir: where the devkit's mapping is, if not in the usual places under the root.
        stat_cache: a file outside the data that caches the digests of unchanged files between runs.

    Attributes:
        root: as given, absolute.
        training_dir: the folder that holds those of images and labels.
        image_dir: the name of the folder of images, ``image_2`` in KITTI.
        label_dir: the name of the folder of labels, ``label_2`` in KITTI.

    Raises:
        DatasetContractError: if there is no KITTI layout below the root.
    """

    def __init__(self, root: Path, *, mapping_dir: Path | None = None, stat_cache: Path | None = None) -> None:
        self.root = Path(root).absolute()
        self.training_dir, self.image_dir, self.label_dir = _find_layout(self.root)
        self._mapping_dir = mapping_dir
        self._stat_cache = stat_cache
        self._images = _list_files(self.training_dir / self.image_dir)
        self._labels = _list_files(self.training_dir / self.label_dir)

    @cached_property
    def _image_of(self) -> dict[str, str]:
        """Frame id -> name of its image; of several with one stem the first."""
        return {Path(n).stem: n for n in reversed(self._images) if _is_image(n)}

    @cached_property
    def image_ids(self) -> frozenset[str]:
        """Names without suffix of the image files."""
        return frozenset(self._image_of)

    @cached_property
    def label_ids(self) -> frozenset[str]:
        """Names without suffix of the ``.txt`` files among the labels."""
        return frozenset(name.removesuffix(LABEL_SUFFIX) for name in self._labels if name.endswith(LABEL_SUFFIX))

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
    def second_images(self) -> tuple[str, ...]:
        """Images whose frame has another one, which is used: ``images/a.png`` beside ``images/a.jpg``, sorted."""
        used = set(self._image_of.values())
        return tuple(f"{self.image_dir}/{name}" for name in self._images if _is_image(name) and name not in used)

    @cached_property
    def strays(self) -> tuple[str, ...]:
        """Files in the two folders that are neither image nor label, relative to the training folder, sorted."""
        images = [f"{self.image_dir}/{name}" for name in self._images if not _is_image(name)]
        labels = [f"{self.label_dir}/{name}" for name in self._labels if not name.endswith(LABEL_SUFFIX)]
        return tuple(sorted(images + labels))

    def image_file(self, frame_id: str) -> str:
        """Return the image of a frame relative to the training folder, or where it would be as a PNG."""
        return f"{self.image_dir}/{self._image_of.get(frame_id, frame_id + IMAGE_SUFFIXES[0])}"

    def label_file(self, frame_id: str) -> str:
        """Return the label file of a frame relative to the training folder, or where it would be."""
        return f"{self.label_dir}/{frame_id}{LABEL_SUFFIX}"

    def image_path(self, frame_id: str) -> Path:
        """Return where the image of a frame is, or would be."""
        return self.training_dir / self.image_file(frame_id)

    def label_path(self, frame_id: str) -> Path:
        """Return where the label file of a frame is, or would be."""
        return self.training_dir / self.label_file(frame_id)

    @cached_property
    def mapping_dir(self) -> Path | None:
        """The folder with both mapping files of the devkit, or None where there is none."""
        candidates: list[Path] = [] if self._mapping_dir is None else [self._mapping_dir]
        for base in (self.root, self.training_dir.parent, self.training_dir):
            candidates += [base / MAPPING_DIR, base / "devkit" / MAPPING_DIR, base / "devkit_object" / MAPPING_DIR]
        return next((d for d in candidates if all((d / name).is_file() for name in MAPPING_FILES)), None)

    def moments(self) -> dict[str, Moment]:
        """Return frame id -> drive and number in it, for the frames of this tree; empty where there is no mapping.

        Raises:
            DatasetContractError: if there is a mapping and it is wrong.
        """
        if self.mapping_dir is None:
            return {}
        moments = read_moments(self.mapping_dir)
        return {frame_id: moments[frame_id] for frame_id in self.frame_ids if frame_id in moments}

    def drive_of(self) -> dict[str, str]:
        """Return frame id -> drive name, as `moments`."""
        return {frame_id: moment.drive for frame_id, moment in self.moments().items()}

    def inventory(self) -> dict[str, str]:
        """Return the sha256 of every data file, by path: images, labels, ``mapping/...``.

        Files with unchanged size and times are taken from the stat cache, where there is one.
        """
        names = [f"{self.image_dir}/{name}" for name in self._images]
        names += [f"{self.label_dir}/{name}" for name in self._labels]
        files = {name: self.training_dir / name for name in names}
        if self.mapping_dir is not None:
            files |= {f"{MAPPING_DIR}/{name}": self.mapping_dir / name for name in MAPPING_FILES}
        return digest_files(files, stat_cache=self._stat_cache)

    def digest(self) -> str:
        """Return one sha256 for the content of the tree, independent of its location."""
        return digest_of(self.inventory())


def open_tree(root: Path | str, *, mapping_dir: Path | None = None, stat_cache: Path | None = None) -> KittiTree:
    """Return the KITTI tree at a folder: one of ``FOLDER_PAIRS`` is in it, or in its ``training`` folder.

    Raises:
        DatasetContractError: if there is no KITTI layout there.
    """
    return KittiTree(Path(root), mapping_dir=mapping_dir, stat_cache=stat_cache)


def is_tree(root: Path) -> bool:
    """Return whether a folder has the KITTI layout, directly or under ``training``."""
    return next(_layouts(root), None) is not None


def describe_files(root: Path) -> str:
    """Return what is in a folder, three levels deep, for a message: ``6 .jpg in images/, 6 .txt in labels/``."""
    counts: Counter[tuple[str, str]] = Counter()
    entries = (p for depth in ("*", "*/*", "*/*/*") for p in root.glob(depth) if not p.name.startswith("."))
    for path in islice(entries, _LOOKED_AT):
        if path.is_file():
            counts[path.suffix.lower() or "files without a suffix", path.parent.relative_to(root).as_posix()] += 1
    found = [f"{n} {suffix} in {'it' if name == '.' else name + '/'}" for (suffix, name), n in counts.items()]
    more = len(found) - _NAMED
    folders = ", ".join(sorted(f"{p.name}/ without files" for p in root.iterdir() if p.is_dir())[:_NAMED])
    return ", ".join(found[:_NAMED]) + (f" and {more} more kinds" if more > 0 else "") or folders or "an empty folder"


def _layouts(root: Path) -> Iterator[tuple[Path, str, str]]:
    for folder in (root / "training", root):
        for images, labels in FOLDER_PAIRS:
            if (folder / images).is_dir() and (folder / labels).is_dir():
                yield folder, images, labels


def _find_layout(root: Path) -> tuple[Path, str, str]:
    """Return the training folder and the names of its folders of images and labels."""
    found = next(_layouts(root), None)
    if found is not None:
        return found
    if not root.is_dir():
        raise DatasetContractError(f"{root}: no such folder: expected a KITTI tree. Check the path (`source.path`).")
    pairs = " or ".join(f"{images}/ with {labels}/" for images, labels in FOLDER_PAIRS)
    raise DatasetContractError(
        f"{root}: not a KITTI tree: expected {pairs} in it or in its training/, got {describe_files(root)}. Name the "
        "folder above them, or unpack data_object_image_2.zip and data_object_label_2.zip there."
    )


def _list_files(folder: Path) -> tuple[str, ...]:
    # Names that start with a dot belong to the file manager, not the data (.DS_Store, ._000000.png).
    return tuple(sorted(p.name for p in folder.iterdir() if not p.name.startswith(".") and p.is_file()))


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES)
