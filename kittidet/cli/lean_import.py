"""Imports TensorFlow and Keras without the large packages that they look for and can do without.

They import them where they are installed, whether used or not, in as much time again as they take themselves. For verbs
whose work is over in seconds; knows nothing of what they do.
"""

import importlib
import sys
from collections.abc import Sequence

# Keras: plots of images, tables as training data. TensorFlow: conversion of JAX functions, sparse training data.
_OPTIONAL = ("jax", "matplotlib", "pandas", "scipy")


def import_tensorflow() -> None:
    """Import TensorFlow and Keras as if none of those packages were installed, unless it is imported already."""
    import_without(_OPTIONAL, ("tensorflow", "keras"))


def import_without(optional: Sequence[str], packages: Sequence[str]) -> None:
    """Import packages as if others were not installed, which everyone can import again afterwards.

    Args:
        optional: what an `import` in the packages shall not find; no matter for one that is imported already.
        packages: imported in this order.
    """
    if all(name in sys.modules for name in packages):
        return
    hidden = [name for name in optional if name not in sys.modules]
    # None makes `import` fail as for a package that is not there.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        for name in packages:
            importlib.import_module(name)
    finally:
        for name in hidden:
            del sys.modules[name]
