"""Downloads the official KITTI archives and unpacks them into a tree."""

import logging
import zipfile
from pathlib import Path
from urllib.parse import urljoin

from kittidet.config import SourceConfig
from kittidet.download.file import download, has_digest, record_digest
from kittidet.errors import ArchiveError
from kittidet.files import write_json
from kittidet.kitti.archive.unpack import WANTED, unpack_archives
from kittidet.progress import FileProgress

log = logging.getLogger(__name__)

# Of the image archive, whose PNGs hardly shrink, the training half is unpacked: 7,481 of 14,999 images.
_UNPACKED_SHARE = 0.55


def fetch_official(
    source: SourceConfig,
    dest_dir: Path,
    *,
    progress: FileProgress | None = None,
    archives_dir: Path | None = None,
) -> Path:
    """Return the root of the tree made from the official archives: labels, the devkit's mapping, and left images.

    Called again after an interruption, it resumes. The archives' digests, given or computed, are written to
    ``archives.json`` in the tree's root.

    Args:
        source: base address and known digests.
        dest_dir: where the tree goes.
        progress: called with (archive name, bytes done, total bytes or None), first for its download, then for its
            unpacking.
        archives_dir: where the archives are kept; None for ``archives`` in ``dest_dir``.

    Raises:
        ArchiveError: if an archive cannot be downloaded complete and as expected.
        DiskSpaceError: if the disk has too little room for an archive and its contents.
    """
    unknown = sorted(set(source.sha256) - set(WANTED))
    if unknown:
        raise ArchiveError(f"source.sha256 names {unknown}: expected archive names from {sorted(WANTED)}.")
    folder = dest_dir / "archives" if archives_dir is None else archives_dir
    base_url = source.base_url if source.base_url.endswith("/") else source.base_url + "/"
    if not base_url.startswith("https://"):
        log.warning("fetch.not_https base_url=%s the archives could be altered in transit", base_url)
    digests = {}
    for name in WANTED:
        path, known = folder / name, source.sha256.get(name)
        if known is None and not has_digest(path) and zipfile.is_zipfile(path):
            # It was put there by hand; its members carry checksums, and 12 GB are not downloaded twice.
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
