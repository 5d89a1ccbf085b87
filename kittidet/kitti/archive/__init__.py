"""From KITTI's archives to an unpacked tree: download, checksums, and safe extraction of untrusted zips."""

from kittidet.download.file import download
from kittidet.kitti.archive.official import fetch_official
from kittidet.kitti.archive.unpack import digest_archives, has_archives, unpack_archives
from kittidet.kitti.archive.unzip import extract_zip

__all__ = [
    "digest_archives",
    "download",
    "extract_zip",
    "fetch_official",
    "has_archives",
    "unpack_archives",
]
