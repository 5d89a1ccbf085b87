"""Extracts an untrusted zip into one folder, and nowhere else.

Every name in the archive is checked before a byte is written; a member is written under a temporary name, compared with
the size and checksum in the archive's directory, and renamed. Extracting again writes only what is missing or damaged.
"""

import logging
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from kittidet.download.disk import check_space, writing
from kittidet.errors import ArchiveError
from kittidet.progress import FileProgress

log = logging.getLogger(__name__)

_CHUNK = 1 << 20
_DRIVE = re.compile(r"[A-Za-z]:")
_TEMPORARY = ".unzip"
# KITTI's largest member is an image under 1 MiB; text shrinks to a tenth. An archive beyond these limits is malicious.
_MAX_MEMBER_BYTES = 256 << 20
_MAX_RATIO = 200
_RATIO_FREE_BYTES = 1 << 20
_MAX_MEMBERS = 1_000_000
# Of bytes: file systems allow 255 in a part, of which the temporary name's ending is one's own, and 4096 in a path.
_MAX_NAME, _MAX_PART = 2048, 255 - len(_TEMPORARY)
# What zipfile raises on damaged bytes, found by experiment: not only BadZipFile.
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, OverflowError, ValueError)


@dataclass(frozen=True, slots=True)
class Member:
    """A wanted file in an archive, as the archive's directory describes it.

    Attributes:
        name: path in the archive, ``/`` between its parts.
        size: unpacked bytes.
        crc: CRC-32 of the unpacked bytes.
    """

    name: str
    size: int
    crc: int


def extract_zip(
    zip_path: Path, dest_dir: Path, *, wanted: Sequence[str], progress: FileProgress | None = None
) -> tuple[Member, ...]:
    """Return the wanted members, all of which are now complete and verified in ``dest_dir``.

    Args:
        zip_path: the archive.
        dest_dir: where they go, under the paths they have in the archive; created if absent.
        wanted: patterns such as ``training/image_2/*.png``; ``*`` matches within one path component.
        progress: called with (archive name, bytes done, total bytes).

    Raises:
        ArchiveError: if the archive is damaged or holds a name that leads out of the folder, a link, an encrypted
            member, or one whose size differs from its declared size; the message names the member.
        DiskSpaceError: if the disk has too little room.
    """
    with _opened(zip_path) as archive:
        infos = _wanted_infos(archive, zip_path, wanted)
        members = tuple(Member(i.filename, i.file_size, i.CRC) for i in infos)
        todo = [i for i, m in zip(infos, members, strict=True) if not is_unpacked(dest_dir, m)]
        with writing(dest_dir):
            dest_dir.mkdir(parents=True, exist_ok=True)
        total, done = sum(m.size for m in members), sum(m.size for m in members) - sum(i.file_size for i in todo)
        check_space(dest_dir, total - done, purpose=f"unpacking {zip_path.name}")
        for info in todo:
            _extract_one(archive, info, dest_dir, zip_path)
            done += info.file_size
            if progress is not None:
                progress(zip_path.name, done, total)
    log.info("unzip file=%s members=%d written=%d", zip_path, len(members), len(todo))
    return members


def list_members(zip_path: Path, *, wanted: Sequence[str]) -> tuple[Member, ...]:
    """Return the wanted members of an archive, in archive order, with every name checked as in `extract_zip`.

    Raises:
        ArchiveError: if the archive is damaged or contains a refused name or member.
    """
    with _opened(zip_path) as archive:
        return tuple(Member(i.filename, i.file_size, i.CRC) for i in _wanted_infos(archive, zip_path, wanted))


def is_unpacked(dest_dir: Path, member: Member) -> bool:
    """Return whether a member is in a folder, with the right size and checksum."""
    path = dest_dir / member.name
    if path.is_symlink() or not path.is_file() or path.stat().st_size != member.size:
        return False
    crc = 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            crc = zlib.crc32(chunk, crc)
    return crc == member.crc


@contextmanager
def _opened(zip_path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(zip_path)
    except OSError as error:
        raise ArchiveError(f"{zip_path}: cannot read the archive: {error.strerror}. Correct `source.path`.") from error
    except _BROKEN as error:
        raise ArchiveError(
            f"{zip_path}: expected a complete zip archive: {error}. It is truncated or damaged; download it again."
        ) from error
    with archive:
        yield archive


def _wanted_infos(archive: zipfile.ZipFile, zip_path: Path, wanted: Sequence[str]) -> list[zipfile.ZipInfo]:
    infos = archive.infolist()
    if len(infos) > _MAX_MEMBERS:
        raise ArchiveError(f"{zip_path}: expected at most {_MAX_MEMBERS:,} members, got {len(infos):,}. Do not use it.")
    for info in infos:
        _check_name(info, zip_path)
    chosen = [i for i in infos if not i.is_dir() and any(_matches(i.filename, pattern) for pattern in wanted)]
    seen: set[str] = set()
    for info in chosen:
        _check_member(info, zip_path)
        if info.filename in seen:
            raise _refused(zip_path, info, "it is in the archive twice")
        seen.add(info.filename)
    return chosen


def _matches(name: str, pattern: str) -> bool:
    parts, patterns = name.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(fnmatchcase(n, p) for n, p in zip(parts, patterns, strict=True))


def _check_name(info: zipfile.ZipInfo, zip_path: Path) -> None:
    # orig_filename is the name in the archive; zipfile has already cut filename at a NUL.
    name = info.orig_filename
    if name.startswith("/") or _DRIVE.match(name):
        raise _refused(zip_path, info, "its path is absolute")
    if ".." in PurePosixPath(name).parts:
        raise _refused(zip_path, info, "its path leads out of the folder")
    if "\\" in name or "\0" in name or any(ord(c) < 32 for c in name):
        raise _refused(zip_path, info, "its name has a backslash or a control character")
    if len(name.encode(errors="replace")) > _MAX_NAME or any(
        len(part.encode(errors="replace")) > _MAX_PART for part in name.split("/")
    ):
        raise _refused(zip_path, info, f"its name is longer than {_MAX_NAME} bytes, or a part of it than {_MAX_PART}")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise _refused(zip_path, info, "it is a link or a device, not a file")


def _check_member(info: zipfile.ZipInfo, zip_path: Path) -> None:
    if info.flag_bits & 0x1:
        raise _refused(zip_path, info, "it is encrypted")
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise _refused(zip_path, info, f"its compression method is {info.compress_type}, expected stored or deflated")
    if info.file_size > _MAX_MEMBER_BYTES:
        raise _refused(zip_path, info, f"it claims {info.file_size:,} bytes, expected at most {_MAX_MEMBER_BYTES:,}")
    if info.file_size > _RATIO_FREE_BYTES and info.file_size > _MAX_RATIO * info.compress_size:
        raise _refused(zip_path, info, f"{info.compress_size:,} bytes claim to unpack to {info.file_size:,}")


def _extract_one(archive: zipfile.ZipFile, info: zipfile.ZipInfo, dest_dir: Path, zip_path: Path) -> None:
    path = dest_dir / info.filename
    _check_parents(path, dest_dir, info, zip_path)
    partial = path.with_name(path.name + _TEMPORARY)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        try:
            with partial.open("xb") as out:
                for chunk in _read_member(archive, info, zip_path):
                    out.write(chunk)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, zip_path: Path) -> Iterator[bytes]:
    """Yield the bytes of a member, and raise unless they match the archive's directory."""
    crc = size = 0
    try:
        with archive.open(info) as member:
            while chunk := member.read(_CHUNK):
                size += len(chunk)
                crc = zlib.crc32(chunk, crc)
                yield chunk
    except (*_BROKEN, OSError) as error:
        raise ArchiveError(
            f"{zip_path}: member {info.filename}: damaged: {error}. Download the archive again."
        ) from error
    if (size, crc) != (info.file_size, info.CRC):
        raise ArchiveError(
            f"{zip_path}: member {info.filename}: expected {info.file_size:,} bytes with CRC {info.CRC:08x}, "
            f"got {size:,} with {crc:08x}. Download the archive again."
        )


def _check_parents(path: Path, dest_dir: Path, info: zipfile.ZipInfo, zip_path: Path) -> None:
    """Refuse to write through a symbolic link inside the folder."""
    for parent in path.parents:
        if parent == dest_dir:
            return
        if parent.is_symlink():
            raise _refused(zip_path, info, f"{parent} is a link that may lead out of the folder")


def _refused(zip_path: Path, info: zipfile.ZipInfo, why: str) -> ArchiveError:
    return ArchiveError(f"{zip_path}: member {info.orig_filename[:200]!r} is refused: {why}. Get the official archive.")
