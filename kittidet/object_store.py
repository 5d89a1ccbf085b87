"""Objects under one URL of an object store: put if absent, read, listed, removed. The one place that knows its client.

Who may be asked comes from the environment alone (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, ...). What the objects
mean is left to `shared_outputs` and the registry.
"""

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from kittidet.errors import StoreError, StoreServerError, first_line
from kittidet.masking import masked

if TYPE_CHECKING:
    from obstore import Bytes
    from obstore.store import ClientConfig, RetryConfig
    from obstore.store import ObjectStore as Client

# The client asks again after broken connections, time-outs and errors of the server: so often, for so long.
RETRIES, RETRY_WITHIN_S = 10, 60.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.3, 15.0
_SILENCE_S = 60.0
# Larger files are sent and fetched in parts, so that none takes longer than the client waits for a request.
PART_BYTES = 32 * 2**20
# Buckets, with their server, that were found to mind the condition of a put.
_probed: set[tuple[str, str]] = set()


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What a listing tells of an object: its key, its size in bytes, and when it was written."""

    key: str
    bytes: int
    written: datetime


class ObjectStore:
    """Objects by key, such as ``registry/models/kitti-d0/versions/000003.json``, under a URL.

    Args:
        url: such as ``s3://bucket/prefix``.
    """

    def __init__(self, url: str) -> None:
        self.root = url

    def below(self, folder: str) -> "ObjectStore":
        """Return the objects whose keys begin with a folder."""
        return ObjectStore(f"{self.root}/{folder}")

    def create(self, key: str, content: bytes | Path) -> bool:
        """Return whether the object was written: False where there is one of this key, which stays as it is.

        Of any number of writers at once one gets True; or none, where the reply to the winner was lost and the client
        asked again. So what tells writers apart has to be in the content. A killed writer leaves nothing.

        Raises:
            StoreError: if the store ignores that condition (see `probe`), refuses, or cannot be reached.
        """
        self.probe()
        return self._create(key, content)

    def write(self, key: str, content: bytes | Path) -> None:
        """Write an object over one that may be there; large files in parts.

        Raises:
            StoreError: if the store refuses or cannot be reached.
        """
        import obstore  # noqa: PLC0415  nobody with a folder needs it

        with self._asking(key):
            obstore.put(self._client, key, content, chunk_size=PART_BYTES, max_concurrency=4)

    def size(self, key: str) -> int | None:
        """Return the size of an object in bytes, None if there is none.

        Raises:
            StoreError: if the store refuses or cannot be reached.
        """
        import obstore  # noqa: PLC0415

        try:
            with self._asking(key):
                return obstore.head(self._client, key)["size"]
        except FileNotFoundError:
            return None

    def has(self, key: str) -> bool:
        """Return whether there is an object of this key.

        Raises:
            StoreError: if the store refuses or cannot be reached.
        """
        return self.size(key) is not None

    def find(self, key: str) -> bytes | None:
        """Return the bytes of an object, None if there is none.

        Raises:
            StoreError: if the store refuses or cannot be reached.
        """
        import obstore  # noqa: PLC0415

        try:
            with self._asking(key):
                return bytes(obstore.get(self._client, key).bytes())
        except FileNotFoundError:
            return None

    def read(self, key: str) -> bytes:
        """Return the bytes of an object.

        Raises:
            StoreError: if there is none, the store refuses or cannot be reached.
        """
        content = self.find(key)
        if content is None:
            raise StoreError(f"{self.root}/{key}: no such object. Restore it, or name another store.")
        return content

    def fetch(self, key: str, file: Path, size: int) -> str | None:
        """Return the sha256 of an object's bytes, which are in a file then; None if there is none of this size.

        Args:
            key: of the object.
            file: where to; its folder has to be there.
            size: how many bytes are expected.

        Raises:
            StoreError: if the store refuses or cannot be reached.
            OSError: if the file cannot be written.
        """
        digest = hashlib.sha256()
        with file.open("wb") as stream:
            for start in range(0, max(1, size), PART_BYTES):
                part = self._part(key, start, size)
                if part is None:
                    return None
                digest.update(part)
                stream.write(part)
        return digest.hexdigest()

    def names(self, folder: str) -> list[str]:
        """Return the names directly in a folder of keys, sorted.

        Raises:
            StoreError: if the store refuses or cannot be reached.
        """
        import obstore  # noqa: PLC0415

        with self._listing(folder):
            found = obstore.list_with_delimiter(self._client, prefix=folder)
        keys = [*found["common_prefixes"], *(meta["path"] for meta in found["objects"])]
        return sorted(key.rstrip("/").rpartition("/")[2] for key in keys)

    def list(self, folder: str) -> Iterator[ObjectFacts]:
        """Yield what is known of every object below a folder of keys.

        Raises:
            StoreError: if the store refuses or cannot be reached.
        """
        import obstore  # noqa: PLC0415

        with self._listing(folder):
            for chunk in obstore.list(self._client, prefix=folder):
                for meta in chunk:
                    yield ObjectFacts(meta["path"], meta["size"], meta["last_modified"])

    def remove(self, key: str) -> None:
        """Remove an object; one that is gone is no error.

        Raises:
            StoreError: if the store refuses or cannot be reached.
        """
        import obstore  # noqa: PLC0415

        try:
            with self._asking(key):
                obstore.delete(self._client, key)
        except FileNotFoundError:
            pass

    def probe(self) -> None:
        """Return once this process knows that the store minds the condition "only if absent", on which all hangs.

        Raises:
            StoreError: if it writes over what is there, is no bucket, refuses, or cannot be reached.
        """
        bucket = "/".join(self.root.split("/")[:3])
        server = (bucket, os.environ.get("AWS_ENDPOINT_URL", ""))
        if server in _probed:
            return
        key = f"probe/{uuid.uuid4().hex}"
        try:
            self._create(key, b"first")
            # The reply to the first may have been lost; the second finds its object in any case.
            written_over = self._create(key, b"second")
        except FileNotFoundError as error:
            raise StoreError(f"{self.root}: no such bucket. Create it, or correct `store_dir`.") from error
        self.remove(key)
        if written_over:
            raise StoreError(
                f"{self.root}: this server writes over an object that it was asked to write only if absent, so that "
                "two machines overwrite each other's results. Use one that minds If-None-Match on PUT, as AWS S3, "
                "Google Cloud Storage and Azure do, or a folder as `store_dir`."
            )
        _probed.add(server)

    def _part(self, key: str, start: int, size: int) -> "Bytes | None":
        """Return the bytes of an object from a place on, a part at most; None if there is none of this size."""
        import obstore  # noqa: PLC0415

        try:
            with self._asking(key):
                whole = size <= PART_BYTES
                found = obstore.get(
                    self._client, key, options=None if whole else {"range": (start, min(size, start + PART_BYTES))}
                )
                return found.bytes() if found.meta["size"] == size else None
        except FileNotFoundError:
            return None

    def _create(self, key: str, content: bytes | Path) -> bool:
        import obstore  # noqa: PLC0415
        from obstore.exceptions import AlreadyExistsError  # noqa: PLC0415

        with self._asking(key):
            try:
                obstore.put(self._client, key, content, mode="create")
            except AlreadyExistsError:
                return False
        return True

    @cached_property
    def _client(self) -> "Client":
        from obstore.store import from_url  # noqa: PLC0415

        options: ClientConfig = {"timeout": timedelta(seconds=_SILENCE_S)}
        if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://"):
            options["allow_http"] = True
        retry: RetryConfig = {
            "max_retries": RETRIES,
            "retry_timeout": timedelta(seconds=RETRY_WITHIN_S),
            "backoff": {
                "init_backoff": timedelta(seconds=_FIRST_PAUSE_S),
                "max_backoff": timedelta(seconds=_LONGEST_PAUSE_S),
            },
        }
        with self._asking(""):
            # Its credentials are found in the environment, of which kind they are the URL tells.
            return from_url(self.root, client_options=options, retry_config=retry)

    @contextmanager
    def _listing(self, folder: str) -> Iterator[None]:
        try:
            with self._asking(folder):
                yield
        except FileNotFoundError as error:
            raise StoreError(f"{self.root}: no such bucket. Create it, or correct the store's URL.") from error

    @contextmanager
    def _asking(self, key: str) -> Iterator[None]:
        """Turn the client's errors inside the block into ours; FileNotFoundError passes."""
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError  # noqa: PLC0415

        where = f"{self.root}/{key}".rstrip("/")
        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise StoreError(
                f"{where}: the object store refuses: {_said(error)}. Check the credentials in the environment "
                "(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and what they may do: read, write, list and delete."
            ) from error
        except BaseError as error:
            # As a listing is answered of a bucket that is not there, and a part of an object that ends before it.
            if "404 Not Found" in str(error) or "416 Range Not Satisfiable" in str(error):
                raise FileNotFoundError(where) from error
            raise StoreServerError(
                f"{where}: the object store cannot be reached: {_said(error)}. Check the network, "
                "AWS_ENDPOINT_URL and the credentials, then start the same command again; what is done is kept."
            ) from error


def _said(error: Exception) -> str:
    return masked(first_line(error))[:300]
