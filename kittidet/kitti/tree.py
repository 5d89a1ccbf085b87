"""An unpacked KITTI folder: which frames are in it, where their files are, and a digest of its content.

Knows names and bytes; what the files say is left to `labels`, `image_file` and `validation`. Never writes
into the data.
"""

from functools import cached_property
from pathlib import Path

from kittidet.files import digest_of
from kittidet.kitti.inventory import digest_files
from kittidet.kitti.layout import MAPPING_DIR, find_layout
from kittidet.kitti.mapping import MAPPING_FILES, Moment, read_moments

IMAGE_SUFFIXES, LABEL_SUFFIX = (".png", ".jpg", ".jpeg"), ".txt"


class KittiTree:
    """The labelled part of a KITTI folder. It is listed once; open the tree again to see later changes.

    A frame's id is the stem of its files, whatever that is; its image is a PNG or a JPEG.

    Args:
        root: the folder as given; `layout.find_layout` finds the folders of images and labels at or below it.
        mapping_dir: where the devkit's mapping is, if not in the usual places under the root.
        stat_cache: a file outside the data that caches the digests of unchanged files between runs.

    Attributes:
        root: as given, absolute.
        places: the folders in which what belongs to the tree may lie, such as ``mapping`` and ``ImageSets``.
        image_dir: the name of the folder of images, ``image_2`` in KITTI.
        label_dir: the name of the folder of labels, ``label_2`` in KITTI.
        images_dir: where the folder of images is.

    Raises:
        DatasetContractError: if there is no KITTI tree at or below the root, or more than one.
    """

    def __init__(self, root: Path, *, mapping_dir: Path | None = None, stat_cache: Path | None = None) -> None:
        self.root = Path(root).absolute()
        self._layout = find_layout(self.root)
        self.places = tuple(dict.fromkeys((self.root, *self._layout.places)))
        self.image_dir, self.label_dir = self._layout.images.name, self._layout.labels.name
        self.images_dir = self._layout.images
        self._mapping_dir = mapping_dir
        self._stat_cache = stat_cache
        self._images = _list_files(self._layout.images)
        self._labels = _list_files(self._layout.labels)

    @cached_property
    def _image_of(self) -> dict[str, str]:
        """Frame id -> name of its image; of several with one stem the first."""
        return {Path(n).stem: n for n in reversed(self._images) if _is_image(n)}

    @cached_property
    def _label_of(self) -> dict[str, str]:
        """Frame id -> name of its label file; of ``a.TXT`` and ``a.txt`` the latter."""
        return {Path(n).stem: n for n in self._labels if n.lower().endswith(LABEL_SUFFIX)}

    @cached_property
    def image_ids(self) -> frozenset[str]:
        """Names without suffix of the image files."""
        return frozenset(self._image_of)

    @cached_property
    def label_ids(self) -> frozenset[str]:
        """Names without suffix of the ``.txt`` files among the labels."""
        return frozenset(self._label_of)

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
        """Files in the two folders that are neither image nor label, with their folder, sorted."""
        images = [f"{self.image_dir}/{name}" for name in self._images if not _is_image(name)]
        used = set(self._label_of.values())
        labels = [f"{self.label_dir}/{name}" for name in self._labels if name not in used]
        return tuple(sorted(images + labels))

    def image_file(self, frame_id: str) -> str:
        """Return the image of a frame with its folder, ``image_2/000000.png``; a PNG where there is none."""
        return f"{self.image_dir}/{self._image_of.get(frame_id, frame_id + IMAGE_SUFFIXES[0])}"

    def label_file(self, frame_id: str) -> str:
        """Return the label file of a frame with its folder, ``label_2/000000.txt``."""
        return f"{self.label_dir}/{self._label_of.get(frame_id, frame_id + LABEL_SUFFIX)}"

    def image_path(self, frame_id: str) -> Path:
        """Return where the image of a frame is, or would be."""
        return self.images_dir.parent / self.image_file(frame_id)

    def label_path(self, frame_id: str) -> Path:
        """Return where the label file of a frame is, or would be."""
        return self._layout.labels.parent / self.label_file(frame_id)

    @cached_property
    def mapping_dir(self) -> Path | None:
        """The folder with both mapping files of the devkit, or None where there is none."""
        candidates: list[Path] = [] if self._mapping_dir is None else [self._mapping_dir]
        for base in self.places:
            candidates += [base / MAPPING_DIR, base / "devkit" / MAPPING_DIR, base / "devkit_object" / MAPPING_DIR]
        candidates += self._layout.mappings
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
        listed = ((self._layout.images, self._images), (self._layout.labels, self._labels))
        files = {f"{folder.name}/{name}": folder / name for folder, names in listed for name in names}
        if self.mapping_dir is not None:
            files |= {f"{MAPPING_DIR}/{name}": self.mapping_dir / name for name in MAPPING_FILES}
        return digest_files(files, stat_cache=self._stat_cache)

    def digest(self) -> str:
        """Return one sha256 for the content of the tree, independent of its location."""
        return digest_of(self.inventory())


def open_tree(root: Path | str, *, mapping_dir: Path | None = None, stat_cache: Path | None = None) -> KittiTree:
    """Return the KITTI tree at or below a folder, see `layout.find_layout`.

    Raises:
        DatasetContractError: if there is none, or more than one.
    """
    return KittiTree(Path(root), mapping_dir=mapping_dir, stat_cache=stat_cache)


def _list_files(folder: Path) -> tuple[str, ...]:
    # Names that start with a dot belong to the file manager, not the data (.DS_Store, ._000000.png).
    return tuple(sorted(p.name for p in folder.iterdir() if not p.name.startswith(".") and p.is_file()))


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES)
