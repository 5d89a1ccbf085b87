"""Downloads a file to its final name: verified, and never there half-finished.

Transferring the bytes, and resuming after a break, is left to `transfer`.
"""

import logging
from pathlib import Path

from kittidet.config import BackoffConfig
from kittidet.download.disk import alone_at, writing
from kittidet.errors import ArchiveError
from kittidet.files import digest_file, write_text_atomic
from kittidet.progress import FileProgress, in_words

log = logging.getLogger(__name__)

_PATIENCE = BackoffConfig()


def download(
    url: str,
    dest: Path,
    *,
    sha256: str | None,
    progress: FileProgress | None = None,
    backoff: BackoffConfig = _PATIENCE,
    reserve_share: float = 0.0,
) -> str:
    """Return the sha256 of the file at ``dest`` once it is complete, and write it beside the file as ``NAME.sha256``.

    A file that is already there and matches its digest (the given one, else the one beside it) is left as it is. Two
    processes may ask for the same file: the second waits for the first.

    Args:
        url: where the file is.
        dest: its final name; the partial file is ``NAME.part`` beside it.
        sha256: hex digest, or None where it is not known.
        progress: called with (name, bytes done, total bytes or None).
        backoff: attempts, waits and time-outs.
        reserve_share: extra free space to require, as a share of the file's size, for unpacking it.

    Raises:
        DiskSpaceError: if the disk has too little room.
        ArchiveError: if the server refuses, never answers, or sends bytes other than expected.
    """
    with alone_at(dest):
        found = _digest_if_good(dest, sha256)
        if found is not None:
            log.info("download.present file=%s", dest)
            return found
        from kittidet.download.transfer import Transfer  # noqa: PLC0415  loads the HTTP client

        transfer = Transfer(url, dest, progress, backoff, reserve_share)
        digest = transfer.run()
        if sha256 is not None and digest != sha256.lower() and transfer.resumed:
            # The parts may be of two files that the server could not tell apart; one more try from the start will show.
            log.warning("download.spliced file=%s starting again", dest)
            transfer.partial.drop()
            digest = transfer.run()
        if sha256 is not None and digest != sha256.lower():
            transfer.partial.drop()
            raise ArchiveError(
                f"{url}: expected sha256 {sha256.lower()}, got {digest}. The file on the server is not the expected "
                f"one, or was altered in transit. Check the address and `source.sha256`."
            )
        with writing(dest):
            write_text_atomic(_digest_path(dest), f"{digest}  {dest.name}\n")
            transfer.partial.path.replace(dest)
            transfer.partial.drop()
        log.info("download.done file=%s sha256=%s", dest, digest, extra=in_words(f"downloaded {dest}"))
        return digest


def record_digest(path: Path) -> str:
    """Return the sha256 of a file that was put in place by hand, after writing it beside the file."""
    digest = digest_file(path)
    write_text_atomic(_digest_path(path), f"{digest}  {path.name}\n")
    return digest


def has_digest(path: Path) -> bool:
    """Return whether the sha256 of a file is written beside it."""
    return _digest_path(path).is_file()


def _digest_if_good(dest: Path, sha256: str | None) -> str | None:
    """Return the digest of a file if it exists and is the expected one, else None."""
    if not dest.is_file():
        return None
    expected = sha256.lower() if sha256 is not None else _recorded(dest)
    got = digest_file(dest)
    if got == expected:
        return got
    log.warning("download.stale file=%s expected=%s got=%s fetching it again", dest, expected, got)
    return None


def _recorded(dest: Path) -> str | None:
    path = _digest_path(dest)
    return path.read_text(encoding="ascii", errors="replace").partition(" ")[0] if path.is_file() else None


def _digest_path(dest: Path) -> Path:
    return dest.with_name(dest.name + ".sha256")
