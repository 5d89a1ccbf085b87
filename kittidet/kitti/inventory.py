"""sha256 of many files, in parallel, remembered between runs by their size and times.

The memory is one JSON file outside the data. An entry is trusted only where device-independent facts all agree: size,
inode, time of change of content and of status, the last of which a program cannot set back.
"""

import json
import logging
import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kittidet.errors import DatasetContractError
from kittidet.files import digest_file, write_json

log = logging.getLogger(__name__)

# A file that changed this shortly before it was read may change again within the same tick of its file system's clock.
_SETTLED_NS = 2_000_000_000

_Facts = tuple[int, int, int, int]


def digest_files(files: Mapping[str, Path], *, stat_cache: Path | None) -> dict[str, str]:
    """Return sha256 of each file, under the given names, sorted by name.

    Args:
        files: name -> path.
        stat_cache: where digests are remembered; None to read every file.

    Raises:
        DatasetContractError: if a file cannot be read.
    """
    known = _load(stat_cache)
    started_ns = time.time_ns()
    facts = {str(path.absolute()): _facts(path) for path in files.values()}
    stale = [path for path, now in facts.items() if path not in known or known[path][0] != now]
    # Hashing frees the interpreter lock, so threads use every core.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        fresh = dict(zip(stale, pool.map(_digest, stale), strict=True))
    log.info("inventory files=%d read=%d", len(facts), len(stale))
    digests = {path: fresh[path] if path in fresh else known[path][1] for path in facts}
    if stat_cache is not None and fresh:
        settled = {p: d for p, d in fresh.items() if max(facts[p][2:]) < started_ns - _SETTLED_NS}
        _save(
            stat_cache,
            {p: v for p, v in known.items() if p not in fresh},
            {p: (facts[p], d) for p, d in settled.items()},
        )
    return {name: digests[str(files[name].absolute())] for name in sorted(files)}


def _facts(path: Path) -> _Facts:
    try:
        stat = path.stat()
    except OSError as error:
        raise DatasetContractError(f"{path}: cannot read the file: {error.strerror}.") from error
    return (stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns)


def _digest(path: str) -> str:
    try:
        return digest_file(Path(path))
    except OSError as error:
        raise DatasetContractError(f"{path}: cannot read the file: {error.strerror}.") from error


def _load(stat_cache: Path | None) -> dict[str, tuple[_Facts, str]]:
    if stat_cache is None or not stat_cache.is_file():
        return {}
    try:
        entries = json.loads(stat_cache.read_text(encoding="utf-8"))
        return {path: ((e[0], e[1], e[2], e[3]), str(e[4])) for path, e in entries.items()}
    except (ValueError, TypeError, LookupError, AttributeError):
        log.warning("inventory.cache_unreadable path=%s every file is read again", stat_cache)
        return {}


def _save(stat_cache: Path, *parts: Mapping[str, tuple[_Facts, str]]) -> None:
    entries = {path: [*facts, digest] for part in parts for path, (facts, digest) in part.items()}
    stat_cache.parent.mkdir(parents=True, exist_ok=True)
    write_json(stat_cache, entries, indent=0)
