"""What this machine has to compute with and where it caches, read without loading TensorFlow."""

import os
from collections.abc import Iterator
from pathlib import Path

# Where a container's limit stands: control groups of version 2 and of version 1.
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def usable_cores() -> int:
    """Return how many processor cores this process may use."""
    # A container or batch system may give fewer than there are; macOS cannot say.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe_load() -> str:
    """Return how busy this machine is, for beside a table of times."""
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load not known"
    return f"{os.cpu_count()} processors, {load}"


def user_cache_dir() -> Path:
    """Return the folder for what can be fetched again: published weights, copies of object stores."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "kittidet"


def usable_memory(limits: tuple[Path, ...] = _LIMITS) -> int:
    """Return how many bytes of memory this process may use: the machine's, or less where a container limits it.

    Args:
        limits: files that hold a limit, if there is one.
    """
    import psutil  # noqa: PLC0415  most programs do not ask

    found = [file.read_text(encoding="ascii").strip() for file in limits if file.is_file()]
    # `max` stands for no limit, as does a number near 2**63.
    return min([psutil.virtual_memory().total, *(int(text) for text in found if text.isdigit())])


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
