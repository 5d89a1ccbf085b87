"""What lies in a store: step outputs and left-overs of killed processes, their size and age, pins and held locks.

Knows folders and files by the names that `store` and `files` give them; what runs need of them is left to `needs`.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from kittidet.errors import StoreError
from kittidet.files import write_text_atomic
from kittidet.store import MANIFEST

_OUTPUT = re.compile(r"([a-z][a-z-]*)-[0-9a-f]{16}")
# Of a step that was killed; of a file or folder that was; of a removal that was.
_LEFT_OVER = re.compile(r"([a-z][a-z-]*-[0-9a-f]{16})\.partial|\..*\.partial-[0-9a-f]{12}|\.pruned-[0-9a-f]{12}")
_PINS = ".pins"


@dataclass(frozen=True, slots=True)
class Holding:
    """A step output, or a left-over, in a store.

    Attributes:
        path: its folder or file.
        output: the name of the output that it is, or was to become; empty of other left-overs.
        step: the step's name; empty of a left-over.
        digest: of the output's key, whole; empty where it has no readable manifest.
        summary: the output's own facts; empty where it has no readable manifest.
        bytes: of all its files.
        changed: when it was finished, or last written to; seconds since 1970.
        pin: why it is kept; None if it is not pinned.
        is_locked: whether a process is making it now.
    """

    path: Path
    output: str
    step: str
    digest: str
    summary: Mapping[str, Any]
    bytes: int
    changed: float
    pin: str | None
    is_locked: bool

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.path.name

    @property
    def is_output(self) -> bool:
        """Whether it is a step output, and no left-over."""
        return bool(self.step)


def list_holdings(store_dir: Path) -> list[Holding]:
    """Return every step output and left-over of a store, by name.

    Raises:
        StoreError: if there is no such folder, or it cannot be read.
    """
    try:
        paths = sorted(store_dir.iterdir())
    except OSError as error:
        raise StoreError(
            f"{store_dir}: cannot read the store: {error.strerror or error}. Name it with --store."
        ) from error
    return [holding for path in paths if (holding := _look_at(path)) is not None]


def held_locks(store_dir: Path) -> list[str]:
    """Return the names of the step outputs that a process is making now."""
    names = (path.name.removeprefix(".").removesuffix(".lock") for path in store_dir.glob(".*.lock"))
    return sorted(name for name in names if _OUTPUT.fullmatch(name) and is_locked(store_dir, name))


def is_locked(store_dir: Path, name: str) -> bool:
    """Return whether a process is making the output of this name now."""
    path = store_dir / f".{name}.lock"
    if not path.is_file():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    lock.release()
    return False


def pin(store_dir: Path, name: str, reason: str) -> None:
    """Keep an output, also one that is made again, until it is unpinned.

    Args:
        store_dir: the store.
        name: of the output's folder.
        reason: shown beside it.

    Raises:
        StoreError: if there is no such output, or the store cannot be written.
    """
    if not _OUTPUT.fullmatch(name) or not (store_dir / name).is_dir():
        raise StoreError(f"{store_dir / name}: no such step output. `kittidet store list` names them.")
    try:
        (store_dir / _PINS).mkdir(exist_ok=True)
        write_text_atomic(store_dir / _PINS / name, reason + "\n")
    except OSError as error:
        raise StoreError(f"{store_dir}: cannot write the pin: {error.strerror or error}.") from error


def unpin(store_dir: Path, name: str) -> None:
    """Let an output be removed again.

    Raises:
        StoreError: if it is not pinned.
    """
    if not _OUTPUT.fullmatch(name) or not (store_dir / _PINS / name).is_file():
        raise StoreError(f"{store_dir / name}: not pinned. `kittidet store list` names what is.")
    (store_dir / _PINS / name).unlink()


def bytes_of(path: Path) -> int:
    """Return the size of a file, or of all files below a folder; links are not followed."""
    return sum(stat.st_size for stat in _stats(path))


def _look_at(path: Path) -> Holding | None:
    output, left = _OUTPUT.fullmatch(path.name), _LEFT_OVER.fullmatch(path.name)
    if left is None and (output is None or not path.is_dir()):
        return None
    stats = list(_stats(path))
    manifest = _manifest(path)
    of = path.name if output is not None else (left and left[1]) or ""
    pinned = path.parent / _PINS / path.name
    return Holding(
        path=path,
        output=of,
        step="" if output is None else output[1],
        digest=str(manifest.get("digest", "")),
        summary=manifest["summary"] if isinstance(manifest.get("summary"), dict) else {},
        bytes=sum(stat.st_size for stat in stats),
        changed=max((stat.st_mtime for stat in stats), default=path.lstat().st_mtime),
        pin=pinned.read_text(encoding="utf-8").strip() if pinned.is_file() else None,
        is_locked=bool(of) and is_locked(path.parent, of),
    )


def _stats(path: Path) -> Iterator[os.stat_result]:
    """Yield what the system knows of a file, or of every file below a folder; what goes away meanwhile is left out."""
    try:
        if path.is_symlink() or not path.is_dir():
            yield path.lstat()
            return
        with os.scandir(path) as entries:
            for entry in entries:
                yield from _stats(Path(entry.path))
    except FileNotFoundError:
        return


def _manifest(path: Path) -> dict[str, Any]:
    try:
        found = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
