"""The rows of RESULTS.md: one a run, newest last."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")


def add_row(name: str, result: str) -> None:
    """Append what a benchmark found, with date, commit and usable cores; print it as well.

    Args:
        name: what was measured, and on what.
        result: figures that compare within this run.
    """
    git = ["git", "-C", str(RESULTS.parent), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    cells = (f"{datetime.now(UTC):%Y-%m-%d %H:%M}", commit, str(len(os.sched_getaffinity(0))), name, result)
    row = f"| {' | '.join(cells)} |\n"
    with RESULTS.open("a", encoding="utf-8") as stream:
        stream.write(row)
    print(row, end="")
