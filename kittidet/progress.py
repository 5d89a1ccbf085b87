"""Progress: the callbacks that long work calls, bars for files that are fetched, and log lines in words."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Name of a file, bytes (or frames of it) done, how many in all or None where that is not known.
FileProgress = Callable[[str, int, int | None], None]
# Frames done, frames in all.
FrameProgress = Callable[[int, int], None]


def in_words(sentence: str) -> dict[str, str]:
    """Return what a log call takes as ``extra``, so that a terminal shows this sentence in place of its fields."""
    return {"in_words": sentence}


@contextmanager
def file_progress() -> Iterator[FileProgress]:
    """Yield a callback that draws one bar per name on the error stream."""
    from rich.console import Console  # noqa: PLC0415  only a person at a terminal needs it
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TimeRemainingColumn, TransferSpeedColumn  # noqa: PLC0415  # noqa: PLC0415

    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True)) as progress:

        def report(name: str, done: int, total: int | None) -> None:
            if name not in bars:
                bars[name] = progress.add_task(name, total=total)
            progress.update(bars[name], completed=done, total=total)

        yield report
