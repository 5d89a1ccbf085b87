"""The library's own lines in a run's log, and a run that goes on when nobody reads them."""

import logging
import os

from rich.console import Console

# Prefect hangs its handler on these by PREFECT_LOGGING_EXTRA_LOGGERS, but sets no level, so that INFO lines vanish.
LOGGERS = ("kittidet", "tasks")


def show_library_lines() -> None:
    """Let INFO lines of the library and the tasks through, where nobody has chosen a level yet.

    A run of a worker writes them to the worker's pipe as well. Once the worker is killed, Prefect's console, which is
    that of rich, would end the run at its next line; here the lines go nowhere, and those in the pages stay.
    """
    if "PREFECT__FLOW_RUN_ID" in os.environ:
        setattr(Console, "on_broken_pipe", _write_nowhere)  # noqa: B010  meant to be overridden, but in a subclass
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.INFO)


def _write_nowhere(_console: Console) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)
