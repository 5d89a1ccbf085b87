"""Unpacks a set of KITTI zips into one tree, complete or absent, and lists what they hold without unpacking.

A tree is named after the contents listed in the zips' directories, so that different zips never mix.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from kittidet.download.disk import alone_at
from kittidet.errors import ArchiveError
from kittidet.files import digest_of
from kittidet.kitti.archive.unzip import extract_zip, list_members
from kittidet.kitti.layout import direct_layout, find_layout
from kittidet.progress import FileProgress

log = logging.getLogger(__name__)

LABEL_ZIP, IMAGE_ZIP, DEVKIT_ZIP = "data_object_label_2.zip", "data_object_image_2.zip", "devkit_object.zip"
# Small ones first, so that problems show up before the large one is touched.
WANTED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        LABEL_ZIP: ("training/label_2/*.txt",),
        DEVKIT_ZIP: ("mapping/train_rand.txt", "mapping/train_mapping.txt"),
        IMAGE_ZIP: ("training/image_2/*.png",),
    }
)


def unpack_archives(archives_dir: Path, dest_dir: Path, *, progress: FileProgress | None = None) -> Path:
    """Return the root of the tree unpacked from the official archives of a folder, ``dest_dir/kitti-<digest>``.

    An existing tree is compared with the archives, file by file, and repaired. An interrupted run is resumed.
    The devkit may be absent; images and labels may not.

    Args:
        archives_dir: the folder that holds the zips under their official names.
        dest_dir: where the tree goes.
        progress: called with (archive name, bytes done, total bytes).

    Raises:
        ArchiveError: if an archive is absent, damaged, refused, or has no wanted member.
        DiskSpaceError: if the disk has too little room.
    """
    zips = _find_zips(archives_dir)
    root = dest_dir / f"kitti-{digest_archives(archives_dir)[:16]}"
    partial = root.with_name(root.name + ".partial")
    with alone_at(root):
        target = root if root.is_dir() else partial
        for name, zip_path in zips.items():
            extract_zip(zip_path, target, wanted=WANTED[name], progress=progress)
        if target == partial:
            partial.rename(root)
    log.info("unpack root=%s archives=%s", root, ",".join(zips))
    return root


def digest_archives(archives_dir: Path) -> str:
    """Return one sha256 for the contents of the archives in a folder, wherever it is, without unpacking them.

    It covers name, size and CRC-32 of every wanted member as listed in the archives' directories; unpacking verifies
    each member against them.

    Raises:
        ArchiveError: if an archive is absent, damaged, refused, or has no wanted member.
    """
    listing = {}
    for name, zip_path in _find_zips(archives_dir).items():
        members = list_members(zip_path, wanted=WANTED[name])
        if not members:
            raise ArchiveError(
                f"{zip_path}: expected members like {WANTED[name][0]}, got none. Is it the official archive?"
            )
        listing[name] = sorted((m.name, m.size, m.crc) for m in members)
    return digest_of(listing)


def has_archives(path: Path) -> bool:
    """Return whether a local folder holds zips (True) or an unpacked tree (False).

    Raises:
        DatasetContractError: if it is neither.
    """
    if direct_layout(path) is None:
        if any((path / name).is_file() for name in WANTED):
            return True
        find_layout(path)
    return False


def _find_zips(archives_dir: Path) -> dict[str, Path]:
    zips = {name: archives_dir / name for name in WANTED if (archives_dir / name).is_file()}
    missing = sorted({LABEL_ZIP, IMAGE_ZIP} - zips.keys())
    if missing:
        raise ArchiveError(
            f"{archives_dir}: expected {LABEL_ZIP} and {IMAGE_ZIP}, got no {' and no '.join(missing)}. "
            "Download them, or correct `source.path`."
        )
    return zips
