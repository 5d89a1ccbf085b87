"""Which folders and hosts a machine lets a configuration name: set by whoever runs it, out of a run's reach.

``KITTIDET_ALLOWED_ROOTS`` holds folders, separated as in ``PATH``; ``KITTIDET_ALLOWED_HOSTS`` host names, separated by
commas, where ``*.example.org`` stands for every name below it, and object stores, as ``s3://bucket/prefix``. A worker
reads them from its environment, not from the parameters of a run. Where one is not set, everything is allowed.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from kittidet.config import RunConfig
from kittidet.errors import ConfigError

ROOTS, HOSTS = "KITTIDET_ALLOWED_ROOTS", "KITTIDET_ALLOWED_HOSTS"


def check_path(path: Path, *, what: str) -> None:
    """Return if a path is in an allowed folder, links followed.

    Args:
        path: need not exist.
        what: names it in the message.

    Raises:
        ConfigError: if it is not.
    """
    allowed = [root for root in os.environ.get(ROOTS, "").split(os.pathsep) if root]
    if not allowed:
        return
    try:
        real = path.resolve()
        inside = any(real.is_relative_to(Path(root).resolve()) for root in allowed)
    except (OSError, RuntimeError):  # links in a circle
        inside = False
    if not inside:
        raise ConfigError(
            f"{what}: {path} is outside of the folders that are allowed on this machine: {', '.join(allowed)}. "
            f"Choose one of them, or ask whoever runs the machine to extend {ROOTS}."
        )


def check_host(address: str, *, what: str) -> None:
    """Return if an address is of an allowed host.

    Raises:
        ConfigError: if it is not.
    """
    allowed = [host.strip().lower() for host in os.environ.get(HOSTS, "").split(",") if host.strip()]
    host = (urlsplit(address).hostname or "").lower().rstrip(".")
    if not allowed or any(host == one or (one.startswith("*.") and host.endswith(one[1:])) for one in allowed):
        return
    raise ConfigError(
        f"{what}: {host or address} is not among the hosts that are allowed on this machine: {', '.join(allowed)}. "
        f"Use a copy on one of them, or ask whoever runs the machine to extend {HOSTS}."
    )


def check_store(place: Path | str, *, what: str) -> None:
    """Return if a store is allowed: its folder as any other, its URL if it or what it begins with is among the hosts.

    Raises:
        ConfigError: if it is not.
    """
    if isinstance(place, Path):
        check_path(place, what=what)
        return
    allowed = [entry.strip().rstrip("/") for entry in os.environ.get(HOSTS, "").split(",") if entry.strip()]
    if not allowed and not os.environ.get(ROOTS):
        return
    if not any(place == entry or place.startswith(f"{entry}/") for entry in allowed if "://" in entry):
        raise ConfigError(
            f"{what}: {place} is not among the object stores that are allowed on this machine: {HOSTS} names them as "
            "s3://BUCKET or s3://BUCKET/PREFIX. Choose another, or ask whoever runs the machine to extend it."
        )


def check_limits(config: RunConfig) -> None:
    """Return if every path of a configuration, and the hosts that it downloads from and computes on, are allowed.

    Raises:
        ConfigError: naming the first that is not.
    """
    for key, value in _values(config):
        if isinstance(value, Path):
            check_path(value, what=key)
    if isinstance(config.store_dir, str):
        check_store(config.store_dir, what="store_dir")
    if config.source.kind == "official":
        check_host(config.source.base_url, what="source.base_url")
    if config.compute.address is not None:
        check_host(config.compute.address, what="compute.address")


def _values(item: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted key and value of everything in a configuration that is no section or mapping."""
    entries = dict(item) if isinstance(item, BaseModel) else item
    for key, value in entries.items():
        if isinstance(value, (BaseModel, dict)):
            yield from _values(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
