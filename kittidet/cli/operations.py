"""Verbs that need Prefect: found by entry point and imported on demand, since the library never imports it."""

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from kittidet.errors import KittidetError

GROUP = "kittidet.operations"
HELP = {
    "demo": "Make data, train, evaluate and publish: the whole flow on a local Prefect server, in minutes.",
    "up": "Start the local Prefect server, pools, deployments and workers.",
    "down": "Stop what `up` or `demo` started.",
}


def load_operation(name: str) -> Callable[..., Any]:
    """Return the function behind a verb of the operations package.

    Raises:
        KittidetError: if that package is not installed.
    """
    found = entry_points(group=GROUP, name=name)
    if not found:
        raise KittidetError(
            f"`kittidet {name}` needs the operations package (tasks, flows, deployments): pip install kittidet"
        )
    operation: Callable[..., Any] = next(iter(found)).load()
    return operation
