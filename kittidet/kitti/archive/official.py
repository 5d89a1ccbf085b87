"""The official KITTI archives from the network to an unpacked tree."""

import logging
import zipfile
from pathlib import Path
from urllib.parse import urljoin

from kittidet.config import SourceConfig
from kittidet.download.file import download, has_digest, record_digest
from kittidet.download.transfer import Progress
from kittidet.errors import ArchiveError
from kittidet.files import write_json
from kittidet.kitti.archive.unpack import WANTED, unpack_archives

log = logging.getLogger(__name__)

# An archive of PNGs unpacks to about its own size.
_UNPACKED_SHARE = 1.0


def fetch_official(
    source: SourceConfig,
    dest_dir: Path,
    *,
    progress: Progress | None = None,
    archives_dir: Path | None = None,
) -> Path:
    """Return the root of the tree made from the official archives: labels, the devkit's mapping, and left images.

    Started again after any break, it goes on where it was. The archives' digests, given or found, are written to
    ``archives.json`` in the tree's root.

    Args:
        source: base address and known digests.
        dest_dir: where the tree goes.
        progress: called with (archive name, bytes done, bytes in all or None), first for its download, then for its
            unpacking.
        archives_dir: where the archives are kept; None for ``archives`` in ``dest_dir``.

    Raises:
        ArchiveError: if an archive cannot be had whole and as expected.
        DiskSpaceError: if the disk has too little room for an archive and what is in it.
    """
    unknown = sorted(set(source.sha256) - set(WANTED))
    if unknown:
        raise ArchiveError(f"source.sha256 names {unknown}: expected archive names out of {sorted(WANTED)}.")
    folder = dest_dir / "archives" if archives_dir is None else archives_dir
    base_url = source.base_url if source.base_url.endswith("/") else source.base_url + "/"
    if not base_url.startswith("https://"):
        log.warning("fetch.not_https base_url=%s anybody on the way can change the archives", base_url)
    digests = {}
    for name in WANTED:
        path, known = folder / name, source.sha256.get(name)
        if known is None and not has_digest(path) and zipfile.is_zipfile(path):
            # Somebody put it there; its members have checksums of their own, and 12 GB are not fetched twice.
            digests[name] = record_digest(path)
            continue
        digests[name] = download(
            urljoin(base_url, name),
            path,
            sha256=known,
            progress=progress,
            backoff=source.backoff,
            reserve_share=_UNPACKED_SHARE,
        )
    root = unpack_archives(folder, dest_dir, progress=progress)
    write_json(root / "archives.json", digests)
    return root
