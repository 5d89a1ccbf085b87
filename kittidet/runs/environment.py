"""What a run was made with: versions and hardware, read without loading TensorFlow."""

import platform
from importlib import metadata
from pathlib import Path

import psutil

from kittidet.machine import find_accelerators, read_values, usable_cores

_PACKAGES = ("kittidet", "tensorflow", "keras", "numpy", "pillow", "pycocotools", "hotcoco", "prefect")


def describe_environment() -> dict[str, str]:
    """Return fact -> value for this process: versions of what matters, processor, memory, accelerators."""
    facts = {"python": platform.python_version(), "system": platform.platform(terse=True)}
    facts |= {name: _version(name) for name in _PACKAGES}
    facts["processor"] = f"{_processor()}, {usable_cores()} cores"
    facts["memory"] = f"{psutil.virtual_memory().total / 2**30:.0f} GiB"
    facts["accelerators"] = ", ".join(find_accelerators()) or "none"
    return facts


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    named = read_values(info, "model name") if info.is_file() else iter(())
    return next(named, platform.processor() or platform.machine())
