"""Fetches the published COCO checkpoints into a cache and unpacks them safely.

Source:
    Addresses as in the README of google/automl ``efficientdet``.
"""

import os
import shutil
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from filelock import FileLock

from kittidet.download.file import download, has_digest, record_digest
from kittidet.errors import ArchiveError
from kittidet.model.scaling import variant_spec

Progress = Callable[[str, int, int | None], None]

BASE_URL = "https://storage.googleapis.com/cloud-tpu-checkpoints/efficientdet"
# The largest published archive unpacks to about 1.3 GB in five files.
MAX_UNPACKED_BYTES = 8 * 2**30
MAX_MEMBERS = 1000


def archive_url(variant: str, *, base_url: str = BASE_URL) -> str:
    """Return the address of a variant's published COCO checkpoint.

    Raises:
        ValueError: on an unknown variant.
    """
    name = variant_spec(variant).name
    lite = name.startswith("lite")
    return f"{base_url}/{'coco' if lite else 'coco2'}/efficientdet-{name}.{'tgz' if lite else 'tar.gz'}"


def default_cache_dir() -> Path:
    """Return the user's cache folder for published weights."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "kittidet" / "pretrained"


def fetch_pretrained(
    variant: str, *, cache_dir: Path | None = None, base_url: str = BASE_URL, progress: Progress | None = None
) -> Path:
    """Return the folder of a variant's published COCO checkpoint, downloaded and unpacked if it is not there yet.

    The archive's sha256 is written beside it as ``NAME.sha256``; an interrupted download is resumed. Pass the folder to
    ``load_checkpoint``.

    Args:
        variant: such as ``d0``.
        cache_dir: where archives and folders are kept; None: the user's cache.
        base_url: address of the archives, to use a mirror.
        progress: called with (name, bytes done, total bytes or None); None: a progress bar on a terminal.

    Raises:
        ArchiveError: if it cannot be fetched, naming the file to put in place; or if the archive is damaged or would
            write outside its folder.
        ValueError: on an unknown variant.
    """
    url = archive_url(variant, base_url=base_url)
    cache = default_cache_dir() if cache_dir is None else Path(cache_dir)
    archive = cache / url.rsplit("/", 1)[-1]
    folder = cache / f"efficientdet-{variant}"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f".{folder.name}.lock"):
        if folder.is_dir():
            return folder
        if archive.is_file() and not has_digest(archive):
            record_digest(archive)  # It was put there by hand.
        else:
            _download(url, archive, progress)
        _unpack(archive, folder)
    return folder


def _download(url: str, archive: Path, progress: Progress | None) -> None:
    try:
        with _bar() if progress is None and sys.stderr.isatty() else _given(progress) as shown:
            download(url, archive, sha256=None, progress=shown)
    except ArchiveError as error:
        raise ArchiveError(
            f"{error} Without a network: fetch {url} elsewhere, put it at {archive}, and call this again."
        ) from error


@contextmanager
def _given(progress: Progress | None) -> Iterator[Progress | None]:
    yield progress


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console  # noqa: PLC0415  only a person at a terminal needs it
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn  # noqa: PLC0415
    from rich.progress import Progress as RichProgress  # noqa: PLC0415

    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with RichProgress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)

        def show(name: str, done: int, total: int | None) -> None:
            bar.update(task, description=name, completed=done, total=total)

        yield show


def _unpack(archive: Path, folder: Path) -> None:
    partial = folder.with_name(folder.name + ".partial")
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir()
    try:
        with tarfile.open(archive, "r:gz") as tar:
            _copy_members(tar, partial, archive)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        shutil.rmtree(partial)
        raise ArchiveError(
            f"{archive}: cannot be unpacked: {error}. Delete it and {archive.name}.sha256, and fetch it again."
        ) from error
    except ArchiveError:
        shutil.rmtree(partial)
        raise
    partial.rename(folder)


def _copy_members(tar: tarfile.TarFile, dest: Path, archive: Path) -> None:
    unpacked = 0
    for count, member in enumerate(tar, start=1):
        unpacked += member.size
        if count > MAX_MEMBERS or unpacked > MAX_UNPACKED_BYTES:
            raise ArchiveError(f"{archive}: more than {MAX_MEMBERS} members or {MAX_UNPACKED_BYTES} bytes. Refused.")
        target = dest / _safe_name(member, archive)
        if member.isdir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        source = tar.extractfile(member)
        if source is None:
            raise ArchiveError(f"{archive}: member {member.name!r} has no content. Fetch the archive again.")
        target.parent.mkdir(parents=True, exist_ok=True)
        with source, target.open("xb") as stream:
            shutil.copyfileobj(source, stream)


def _safe_name(member: tarfile.TarInfo, archive: Path) -> PurePosixPath:
    name = PurePosixPath(member.name.replace("\\", "/"))
    plain = member.isreg() or member.isdir()
    if not plain or name.is_absolute() or ".." in name.parts or ":" in member.name or "\0" in member.name:
        raise ArchiveError(
            f"{archive}: member {member.name!r} is a link, a device, or would be written outside the folder. Expected "
            "plain files with relative names. Refused; do not use this archive."
        )
    return name
