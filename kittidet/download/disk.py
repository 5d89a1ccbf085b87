"""Disk space: checked before a long write, and named in the error when a write fails for lack of it."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from kittidet.errors import ArchiveError, DiskSpaceError
from kittidet.files import locked

# No space, quota used up, file larger than the process or the file system allows.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST})


def check_space(folder: Path, needed_bytes: int, *, purpose: str) -> None:
    """Return if the disk of an existing folder has room for this many more bytes.

    Raises:
        DiskSpaceError: with how much is needed and how much there is.
    """
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise DiskSpaceError(
            f"{folder}: too little disk space for {purpose}: expected {_megabytes(needed_bytes)}, "
            f"got {_megabytes(free)} free. Free some, or choose another folder with `store_dir`."
        )


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's write errors below a path into ones that name the next step.

    Raises:
        DiskSpaceError: if the disk, the quota or the largest file size is used up.
        ArchiveError: if the folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskSpaceError(
                f"{path}: the disk is full ({error.strerror}). Free some space and start again: "
                "completed files are kept and not downloaded again."
            ) from error
        if error.errno in _FORBIDDEN:
            raise ArchiveError(
                f"{path}: cannot write there: {error.strerror}. Choose a writable folder with `store_dir`."
            ) from error
        raise


@contextmanager
def alone_at(path: Path) -> Iterator[None]:
    """Be the only process that writes a file or folder, whose parent is made first; another one is waited for.

    Raises:
        DiskSpaceError, ArchiveError: if the parent cannot be written, as `writing` reports it.
    """
    with ExitStack() as held:
        with writing(path.parent):
            held.enter_context(locked(path.with_name(f".{path.name}.lock"), waiting_for=str(path)))
        yield


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
