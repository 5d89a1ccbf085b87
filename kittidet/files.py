"""Files and folders that are whole or absent; JSON, digests, free names and locks."""

import errno
import hashlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import BaseModel

from kittidet.errors import KittidetError
from kittidet.progress import in_words

log = logging.getLogger(__name__)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; the file takes its name when the block ends, or is removed.

    Raises:
        OSError: if the folder cannot be written; whatever the block raises.
    """
    partial = _partial_of(path)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield a new folder beside ``path`` that takes its name when the block ends, or is removed if it raises.

    Args:
        path: the final name; an empty folder may be there.
        replace: remove a folder that is there, once the new one is complete.

    Raises:
        OSError: if it cannot be written, or ``path`` holds something and ``replace`` is off.
    """
    partial = _partial_of(path)
    try:
        partial.mkdir(parents=True)
        yield partial
        if replace and path.exists():
            shutil.rmtree(path)
        partial.rename(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_room(folder: Path, size: int) -> None:
    """Return if a file of so many bytes fits into a folder; nothing is left there.

    For writers that do not survive a full disk: HDF5 ends the process with a segmentation fault.

    Raises:
        OSError: as the system says it, where the file does not fit.
    """
    trial = _partial_of(folder / "room")
    try:
        with trial.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.write(bytes(size))
    except OSError as error:
        # Some file systems cannot take room beforehand.
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise OSError(error.errno, os.strerror(error.errno), str(folder)) from error
    finally:
        trial.unlink(missing_ok=True)


def remove_partials(folder: Path, name: str = "*") -> None:
    """Remove what killed writers of ``name`` left in a folder; for whoever holds the lock on that name."""
    for left in folder.glob(f".{name}.partial-*"):
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


def write_text_atomic(path: Path, text: str) -> None:
    """Write a text file so that its name only ever shows the whole content, also after a power cut."""
    with whole_file(path) as partial, partial.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def write_json(path: Path, value: Any, *, indent: int | None = 1) -> None:
    """Write a JSON document whole, keys sorted, with a newline at its end."""
    write_text_atomic(path, _json_text(value, indent))


def write_sealed(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON document that holds its own digest."""
    write_json(path, {**values, "seal": digest_of(values)})


def read_sealed(path: Path, *, exact: bool = False) -> dict[str, Any] | None:
    """Return what `write_sealed` wrote, None if the file is not that or not there.

    Args:
        path: the file.
        exact: also refuse other bytes of the same meaning, such as a space more.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text)
        values = {name: value for name, value in document.items() if name != "seal"}
        whole = document["seal"] == digest_of(values) and (not exact or text == _json_text(document, 1))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return values if whole else None


def read_json(path: Path, *, error: type[KittidetError], advice: str) -> Any:
    """Return the content of a JSON file.

    Args:
        path: the file.
        error: what to raise.
        advice: what was expected there and what to do, for the end of the message.

    Raises:
        KittidetError: of the given kind, if the file is missing, cannot be read or is not JSON.
    """
    try:
        # Some editors begin a file with a byte order mark.
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as problem:
        raise error(f"{path}: cannot read it: {problem.strerror or problem}. {advice}") from problem
    except (ValueError, RecursionError) as problem:
        raise error(f"{path}: not valid JSON: {problem}. {advice}") from problem


def numbered(path: Path) -> Iterator[Path]:
    """Yield ``path``, ``path-2``, ``path-3``, ... without end."""
    yield path
    number = 2
    while True:
        yield path.with_name(f"{path.name}-{number}")
        number += 1


def next_free(path: Path) -> Path:
    """Return the first of ``path``, ``path-2``, ``path-3``, ... that does not exist."""
    return next(candidate for candidate in numbered(path) if not candidate.exists())


@contextmanager
def locked(
    path: Path, *, waiting_for: str, error: Callable[[OSError], Exception] | None = None, keep: bool = True
) -> Iterator[None]:
    """Hold a lock file, whose folder is made first; one that another process holds is waited for, which is logged once.

    The system frees it when its process dies, so that kill -9 leaves no eternal lock.

    Args:
        path: the lock file.
        waiting_for: what the log names.
        error: what to raise instead of the system's error if the lock file cannot be made.
        keep: leave the file for the next one; False removes it, for folders that a person looks into.

    Raises:
        OSError: if the lock file cannot be made and there is no ``error``.
    """
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            words = in_words(f"waiting for another process, which is making {waiting_for}")
            log.info("lock.wait for=%s another process has it", waiting_for, extra=words)
            lock.acquire()
    except OSError as problem:
        if error is None:
            raise
        raise error(problem) from problem
    try:
        yield
    finally:
        if not keep:
            # While it is held: who waits for it then sees that it has lost its name, and makes another (filelock 3.24).
            with suppress(OSError):
                path.unlink()
        lock.release()


def list_files(folder: Path) -> list[Path]:
    """Return every regular file below a folder, sorted by its path relative to it."""
    return sorted((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.relative_to(folder).as_posix())


def canonical_json(value: Any) -> str:
    """Return JSON text that is equal for equal values: sorted keys, no spaces, paths as text."""

    def simplify(item: Any) -> Any:
        if isinstance(item, BaseModel):
            return item.model_dump(mode="json")
        if isinstance(item, Path):
            return str(item)
        if isinstance(item, Mapping):
            return dict(item)
        raise TypeError(f"cannot make a digest of {type(item).__name__}: {item!r}")

    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=simplify, allow_nan=False)


def digest_of(value: Any) -> str:
    """Return the sha256 hex digest of a JSON-like value (pydantic models and paths allowed)."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def digest_file(path: Path) -> str:
    """Return the sha256 hex digest of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_path(path: Path) -> str:
    """Return the sha256 hex digest of a file's bytes, or of a folder's files and their names within it.

    Raises:
        OSError: if it is not there or cannot be read.
    """
    return digest_file(path) if not path.is_dir() else digest_of(digest_files(path))


def digest_files(folder: Path) -> dict[str, str]:
    """Return sha256 of every file below a folder, by its path relative to it."""
    return {file.relative_to(folder).as_posix(): digest_file(file) for file in list_files(folder)}


def _json_text(value: Any, indent: int | None) -> str:
    return json.dumps(value, indent=indent, sort_keys=True) + "\n"


def _partial_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial-{uuid.uuid4().hex[:12]}")
