"""Lists of frames as files: one frame id a line, in order."""

from collections.abc import Iterable
from pathlib import Path

from kittidet.errors import DatasetContractError
from kittidet.files import write_text_atomic
from kittidet.kitti.tree import IMAGE_SUFFIXES, LABEL_SUFFIX, KittiTree

# Where a data set keeps the lists of its own split, by the habit of KITTI's users.
SPLIT_DIR = "ImageSets"


def write_ids(path: Path, frame_ids: Iterable[str]) -> None:
    """Write a list of frame ids, whole."""
    write_text_atomic(path, "".join(f"{frame_id}\n" for frame_id in frame_ids))


def read_ids(path: Path) -> tuple[str, ...]:
    """Return the entries of a list without spaces around them; blank lines are passed over.

    Raises:
        DatasetContractError: if it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetContractError(f"{path}: cannot read the list of frames: {error}.") from error
    return tuple(line.strip() for line in lines if line.strip())


def given_lists(tree: KittiTree) -> dict[str, tuple[str, ...]]:
    """Return the lists of the data set's own split by name, from ``ImageSets/{train,val}.txt``; empty without both.

    Raises:
        DatasetContractError: if a list cannot be read.
    """
    for base in tree.places:
        files = {name: base / SPLIT_DIR / f"{name}.txt" for name in ("train", "val")}
        if all(file.is_file() for file in files.values()):
            return {name: read_ids(file) for name, file in files.items()}
    return {}


def frame_id_of(entry: str) -> str:
    """Return the frame id that an entry of a list means: itself, or the stem of the image or label that it names."""
    name = entry.replace("\\", "/").rpartition("/")[2]
    return name.rpartition(".")[0] if name.lower().endswith((*IMAGE_SUFFIXES, LABEL_SUFFIX)) else name
