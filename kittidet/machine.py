"""What this machine has to compute with and where it caches, read without loading TensorFlow."""

import os
from collections.abc import Iterator
from pathlib import Path


def usable_cores() -> int:
    """Return how many processor cores this process may use."""
    # A container or batch system may give fewer than there are; macOS cannot say.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def user_cache_dir() -> Path:
    """Return the folder for what can be fetched again: published weights, copies of object stores."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "kittidet"


def find_accelerators() -> list[str]:
    """Return the name of each NVIDIA GPU; a driver older than the packages may still keep TensorFlow from using it."""
    # The driver's own listing: asking TensorFlow would take seconds and, on a shared card, memory.
    listings = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    return [name for listing in listings for name in read_values(listing, "Model")]


def read_values(path: Path, wanted: str) -> Iterator[str]:
    """Yield the values of a key in a file of ``key: value`` lines."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == wanted:
            yield value.strip()
