"""The library's own lines in a run's log."""

import logging

# Prefect hangs its handler on these by PREFECT_LOGGING_EXTRA_LOGGERS, but sets no level, so that INFO lines vanish.
LOGGERS = ("kittidet", "tasks")


def show_library_lines() -> None:
    """Let INFO lines of the library and the tasks through, where nobody has chosen a level yet."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.INFO)
