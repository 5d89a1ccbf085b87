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


def time_left(seconds: float) -> str:
    """Return what ends a line of progress: ``, about 6 min left``; nothing below half a minute."""
    minutes = round(seconds / 60)
    shown = f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
    return f", about {shown} left" if minutes else ""


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
