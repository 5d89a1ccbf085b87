"""Errors of other runtimes as errors of this project."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kittidet.errors import ExportError, first_line

# What runtimes say of whole files with operations that they lack.
_UNKNOWN = re.compile(r"custom op|not a registered|Select TensorFlow op|FlexDelegate|NOT_IMPLEMENTED", re.IGNORECASE)


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
    except ExportError:
        raise
    except Exception as error:  # TensorFlow alone raises seven classes for damage, IndexError among them
        reason = first_line(error)
        advice = "It is missing, cut short or damaged; export it again."
        if _UNKNOWN.search(reason):
            advice = "This runtime lacks an operation of it: export the network alone, without what comes after it."
        raise ExportError(f"{path}: cannot be opened as {kind}: {reason.rstrip('.')}. {advice}") from error
