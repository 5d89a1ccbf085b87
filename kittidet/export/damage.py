"""Errors of other runtimes as errors of this project."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kittidet.errors import ExportError


@contextmanager
def opening(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a runtime raises while it opens an exported model into an ``ExportError``.

    Args:
        path: the file or folder that is opened.
        kind: what it should be, such as "a SavedModel".

    Raises:
        ExportError: naming the path, the first line of the runtime's message and the next step.
    """
    try:
        yield
    except Exception as error:  # TensorFlow alone raises seven classes for damage, IndexError among them
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ExportError(
            f"{path}: cannot be opened as {kind}: {reason.rstrip('.')}. "
            "It is missing, cut short or damaged; export it again."
        ) from error
