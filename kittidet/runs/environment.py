"""What a run was made with: versions, commit and hardware, read without loading TensorFlow."""

import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

import psutil

from kittidet.machine import find_accelerators, read_values, usable_cores

_PACKAGES = ("kittidet", "tensorflow", "keras", "numpy", "pillow", "pycocotools", "hotcoco", "prefect")


def describe_environment() -> dict[str, str]:
    """Return fact -> value for this process: versions of what matters, commit, processor, memory, accelerators."""
    facts = {"python": platform.python_version(), "system": platform.platform(terse=True)}
    facts |= {name: _version(name) for name in _PACKAGES}
    facts["commit"] = _commit() or f"none: kittidet {_version('kittidet')} as installed"
    facts["processor"] = f"{_processor()}, {usable_cores()} cores"
    facts["memory"] = f"{psutil.virtual_memory().total / 2**30:.0f} GiB"
    facts["accelerators"] = ", ".join(find_accelerators()) or "none"
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
    named = read_values(info, "model name") if info.is_file() else iter(())
    return next(named, platform.processor() or platform.machine())
