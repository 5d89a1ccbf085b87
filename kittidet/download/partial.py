"""The unfinished file of a download: its bytes so far, and what the server said about the file they are part of.

``NAME.part`` holds the bytes and ``NAME.part.json`` the address, size and validators (ETag, Last-Modified) by which a
later request asks for the rest of the same file and of no other.
"""

import json
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from kittidet.files import write_json


@dataclass(frozen=True, slots=True)
class Remote:
    """A version of a file on a server.

    Attributes:
        url: where it was asked for.
        etag: strong entity tag, or None.
        last_modified: date as the server wrote it, or None.
        total: size in bytes, or None where the server did not say.
    """

    url: str
    etag: str | None
    last_modified: str | None
    total: int | None

    @property
    def validator(self) -> str | None:
        """What ``If-Range`` may carry; None where the server gave nothing to tell two versions apart."""
        return self.etag if self.etag is not None else self.last_modified

    def is_same(self, other: "Remote") -> bool:
        """Return whether both are one version, as far as what they both say goes."""
        pairs = ((self.etag, other.etag), (self.last_modified, other.last_modified), (self.total, other.total))
        return self.url == other.url and all(a == b for a, b in pairs if a is not None and b is not None)


def describe_response(url: str, response: httpx.Response) -> Remote:
    """Return the version that a 200 or 206 answer is of."""
    headers = response.headers
    etag = headers.get("etag")
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        total_text = headers.get("content-range", "").rpartition("/")[2]
    else:
        total_text = headers.get("content-length", "")
    return Remote(
        url=url,
        # A weak tag promises the same meaning, not the same bytes.
        etag=etag if etag is not None and not etag.startswith("W/") else None,
        last_modified=_strong_date(headers),
        total=int(total_text) if total_text.isascii() and total_text.isdigit() else None,
    )


@dataclass(frozen=True, slots=True)
class Partial:
    """The two files of an unfinished download.

    Attributes:
        path: where the bytes are.
    """

    path: Path

    @property
    def note_path(self) -> Path:
        """Where the facts about the server's file are."""
        return self.path.with_name(self.path.name + ".json")

    def size(self) -> int:
        """Return how many bytes are there."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def read(self) -> Remote | None:
        """Return what the bytes are part of, or None where that is not known."""
        try:
            return Remote(**json.loads(self.note_path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            # Bytes of unknown origin are worth nothing; the caller starts again.
            return None

    def start(self, remote: Remote) -> None:
        """Drop the bytes and note what the next ones are part of."""
        self.drop()
        write_json(self.note_path, asdict(remote), indent=None)

    def drop(self) -> None:
        """Remove both files."""
        # Bytes first: a note without bytes is harmless, bytes under another file's note are not.
        self.path.unlink(missing_ok=True)
        self.note_path.unlink(missing_ok=True)


def _strong_date(headers: httpx.Headers) -> str | None:
    """Return Last-Modified where it tells versions apart: RFC 9110, 8.8.2.2 asks for a second between it and Date."""
    try:
        modified, now = parsedate_to_datetime(headers["last-modified"]), parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError, TypeError):
        return None
    return headers["last-modified"] if (now - modified).total_seconds() >= 1 else None
