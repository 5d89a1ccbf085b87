"""Objects that are written once, whole or absent: in a folder, or in an object store; and numbered lists of them.

The one place of the registry that knows how bytes are kept. What the objects say is left to `records`. Of a list, the
highest number counts.
"""

import errno
import json
import os
import re
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from kittidet.errors import RegistryError
from kittidet.files import locked

_NUMBERED = re.compile(r"\d{6,}\.json")
# What the system says of a folder that cannot hold hard links, such as one of a memory card.
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}

Record = TypeVar("Record", bound=BaseModel)


class Objects(Protocol):
    """Objects by key, such as ``models/kitti-d0/versions/000003.json``: an `ObjectFolder`, or an `ObjectStore`."""

    @property
    def root(self) -> Path | str:
        """What the keys are below: for messages."""

    def create(self, key: str, content: bytes) -> bool:
        """Return whether the object was written: False where there is one of this key, which stays as it is."""

    def has(self, key: str) -> bool:
        """Return whether there is an object of this key."""

    def read(self, key: str) -> bytes:
        """Return the bytes of an object, which has to be there."""

    def names(self, folder: str) -> list[str]:
        """Return the names directly in a folder of keys, sorted."""


class ObjectFolder:
    """Objects by key in a folder.

    Args:
        root: the folder; made when first written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root).absolute()

    def create(self, key: str, content: bytes) -> bool:
        """Return whether the object was written: False where there is one of this key, which stays as it is.

        Of any number of writers at once, one gets True. A writer that is killed leaves nothing under the key.

        Raises:
            RegistryError: if the folder cannot be written.
        """
        path = self.root / key
        partial = path.with_name(f".{path.name}.partial-{uuid.uuid4().hex}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with partial.open("wb") as stream:
                    stream.write(content)
                    stream.flush()
                    os.fsync(stream.fileno())
                return _name_once(partial, path)
            finally:
                partial.unlink(missing_ok=True)
        except OSError as error:
            raise RegistryError(
                f"{error.filename or path}: cannot write the registry: {error.strerror or error}. "
                "Make room or make it accessible, then give the same command again."
            ) from error

    def has(self, key: str) -> bool:
        """Return whether there is an object of this key."""
        return (self.root / key).is_file()

    def read(self, key: str) -> bytes:
        """Return the bytes of an object.

        Raises:
            RegistryError: if there is none, or it cannot be read.
        """
        try:
            return (self.root / key).read_bytes()
        except OSError as error:
            raise RegistryError(
                f"{self.root / key}: cannot read it: {error.strerror or error}. Restore the registry's folder."
            ) from error

    def names(self, folder: str) -> list[str]:
        """Return the names directly in a folder of keys, sorted; unfinished writes are left out."""
        path = self.root / folder
        return sorted(p.name for p in path.iterdir() if not p.name.startswith(".")) if path.is_dir() else []


def numbers(objects: Objects, folder: str) -> list[int]:
    """Return the numbers of the records in a folder of keys, ascending."""
    return sorted(int(Path(name).stem) for name in objects.names(folder) if _NUMBERED.fullmatch(name))


def read_record(objects: Objects, folder: str, number: int, kind: type[Record]) -> Record:
    """Return one record of a numbered list.

    Raises:
        RegistryError: if it is not there, or is not such a record.
    """
    key = _key(folder, number)
    try:
        return kind.model_validate_json(objects.read(key))
    except ValidationError as error:
        first = error.errors()[0]
        raise RegistryError(
            f"{objects.root}/{key}: not a {kind.__name__}: {'.'.join(map(str, first['loc']))}: {first['msg']}. "
            "Restore the file; the registry never changes one that it wrote."
        ) from error


def read_records(objects: Objects, folder: str, kind: type[Record]) -> list[Record]:
    """Return every record of a numbered list, in order.

    Raises:
        RegistryError, StoreError: if one is no such record or cannot be read.
    """
    # Of an object store each takes the time there and back.
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda number: read_record(objects, folder, number, kind), numbers(objects, folder)))


def append_record(objects: Objects, folder: str, make: Callable[[int], Record]) -> Record:
    """Return the record that was added to the end of a numbered list.

    Args:
        objects: where to.
        folder: the keys' folder.
        make: called with the number that is next; again with a later one where another writer was faster. What it
            returns has to differ from what any other writer writes, and it may raise to give up.

    Raises:
        RegistryError: if the folder cannot be written; whatever ``make`` raises.
    """
    while True:
        number = max(numbers(objects, folder), default=0) + 1
        record = make(number)
        content = (json.dumps(record.model_dump(mode="json"), indent=1, sort_keys=True) + "\n").encode()
        # A shared disk may have written what it then reports as "already there": its answer was lost on the way.
        if objects.create(_key(folder, number), content) or objects.read(_key(folder, number)) == content:
            return record


def _key(folder: str, number: int) -> str:
    return f"{folder}/{number:06d}.json"


def _name_once(partial: Path, path: Path) -> bool:
    """Give a finished file its name unless that is taken; return whether it was not."""
    try:
        os.link(partial, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        with locked(path.parent / ".lock", waiting_for=str(path.parent)):
            if path.exists():
                return False
            partial.rename(path)
    return True
