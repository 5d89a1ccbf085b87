"""Fetches the published COCO checkpoints into a cache and unpacks them safely.

Source:
    Addresses as in the README of google/automl ``efficientdet``.
"""

import sys
import tarfile
import zlib
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

from kittidet.download.disk import alone_at
from kittidet.download.file import download, has_digest, record_digest
from kittidet.errors import ArchiveError
from kittidet.files import remove_partials, whole_folder
from kittidet.machine import user_cache_dir
from kittidet.model.scaling import variant_spec
from kittidet.progress import FileProgress, file_progress

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
    return user_cache_dir() / "pretrained"


def pretrained_folder(variant: str, *, cache_dir: Path | None = None) -> Path:
    """Return where the published COCO checkpoint of a variant is, or would be, in a cache; None: the user's."""
    return (default_cache_dir() if cache_dir is None else Path(cache_dir)) / f"efficientdet-{variant}"


def fetch_pretrained(
    variant: str, *, cache_dir: Path | None = None, base_url: str = BASE_URL, progress: FileProgress | None = None
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
    folder = pretrained_folder(variant, cache_dir=cache_dir)
    archive = folder.parent / url.rsplit("/", 1)[-1]
    with alone_at(folder):
        if folder.is_dir():
            return folder
        if archive.is_file() and not has_digest(archive):
            record_digest(archive)  # It was put there by hand.
        else:
            _download(url, archive, progress)
        _unpack(archive, folder)
    return folder


def _download(url: str, archive: Path, progress: FileProgress | None) -> None:
    try:
        with ExitStack() as stack:
            if progress is None and sys.stderr.isatty():
                progress = stack.enter_context(file_progress())
            download(url, archive, sha256=None, progress=progress)
    except ArchiveError as error:
        raise ArchiveError(
            f"{error} Without a network: fetch {url} elsewhere, put it at {archive}, and call this again."
        ) from error


def _unpack(archive: Path, folder: Path) -> None:
    remove_partials(folder.parent, folder.name)
    unpacked = 0
    try:
        with tarfile.open(archive, "r:gz") as tar, whole_folder(folder) as partial:
            # Absent before Python 3.11.4, where the check below has to do.
            tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
            for count, member in enumerate(tar, start=1):
                unpacked += member.size
                if count > MAX_MEMBERS or unpacked > MAX_UNPACKED_BYTES:
                    raise ArchiveError(
                        f"{archive}: more than {MAX_MEMBERS} members or {MAX_UNPACKED_BYTES} bytes. Refused."
                    )
                _check_member(member, archive)
                tar.extract(member, partial, set_attrs=False)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ArchiveError(
            f"{archive}: cannot be unpacked: {error}. Delete it and {archive.name}.sha256, and fetch it again."
        ) from error


def _check_member(member: tarfile.TarInfo, archive: Path) -> None:
    # Backslashes and colons lead elsewhere on Windows, links within the folder are none that we published.
    name = PurePosixPath(member.name.replace("\\", "/"))
    plain = member.isreg() or member.isdir()
    if not plain or name.is_absolute() or ".." in name.parts or ":" in member.name:
        raise ArchiveError(
            f"{archive}: member {member.name!r} is a link, a device, or would be written outside the folder. Expected "
            "plain files with relative names. Refused; do not use this archive."
        )
