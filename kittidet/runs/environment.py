"""What a run was made with: versions, commit and hardware, read without loading TensorFlow."""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import psutil

_PACKAGES = ("kittidet", "tensorflow", "keras", "numpy", "pillow", "pycocotools", "hotcoco", "prefect")


def describe_environment() -> dict[str, str]:
    """Return fact -> value for this process: versions of what matters, commit, processor, memory, accelerators."""
    facts = {"python": platform.python_version(), "system": platform.platform(terse=True)}
    facts |= {name: _version(name) for name in _PACKAGES}
    facts["commit"] = _commit() or f"none: kittidet {_version('kittidet')} as installed"
    facts["processor"] = f"{_processor()}, {os.cpu_count()} cores"
    facts["memory"] = f"{psutil.virtual_memory().total / 2**30:.0f} GiB"
    facts["accelerators"] = ", ".join(_accelerators()) or "none"
    return facts


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _commit() -> str | None:
    """Return the git commit of the working directory, "-dirty" where files differ from it; None outside of one."""
    git = shutil.which("git")
    if git is None:
        return None
    command = [git, "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None  # a run is not lost for a working directory that git cannot read
    return done.stdout.strip() if done.returncode == 0 else None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    named = _values(info, "model name") if info.is_file() else iter(())
    return next(named, platform.processor() or platform.machine())


def _accelerators() -> list[str]:
    # The driver's own listing: asking TensorFlow would take seconds and, on a shared card, memory.
    listings = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    return [name for listing in listings for name in _values(listing, "Model")]


def _values(path: Path, wanted: str) -> Iterator[str]:
    """Yield the values of a key in a file of ``key: value`` lines."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == wanted:
            yield value.strip()
