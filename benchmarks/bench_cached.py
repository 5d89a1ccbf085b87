"""Processor seconds of `kittidet run` where every step is cached, of this checkout and of another one, taking turns.

The run is made first, in the folder, where it is not there yet. Bar: at most 1 s.

    .venv/bin/python benchmarks/bench_cached.py FOLDER [--before CHECKOUT] [--rounds N] [--preset demo ...]

What follows is handed on to `kittidet run`.
"""

import argparse
import os
import resource
import subprocess
import sys
from pathlib import Path

from rows import add_row

HERE = Path(__file__).resolve().parents[1]
IMPORTS = "import numpy, typer, pydantic"


def seconds(code: list[str], checkout: Path, folder: Path) -> float:
    """Return the processor seconds of a Python process, its children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    env = {**os.environ, "PYTHONPATH": str(checkout)}
    subprocess.run([sys.executable, *code], cwd=folder, env=env, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    """Measure, and append a row to RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the run's store and results are, or shall be")
    parser.add_argument("--before", type=Path, help="another checkout of this project")
    parser.add_argument("--rounds", type=int, default=5)
    given, run = parser.parse_known_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    verb = ["-m", "kittidet", "run", *(run or ["--preset", "demo"])]
    checkouts = {"this checkout": HERE, **({} if given.before is None else {"the one before": given.before.resolve()})}
    seconds(verb, HERE, given.folder)
    taken = {name: [] for name in [IMPORTS, *checkouts]}
    for _ in range(given.rounds):
        taken[IMPORTS].append(seconds(["-c", IMPORTS], HERE, given.folder))
        for name, checkout in checkouts.items():
            taken[name].append(seconds(verb, checkout, given.folder))
    said = ", ".join(f"{name} {min(times):.2f} s" for name, times in taken.items())
    load = f"{os.getloadavg()[0]:.0f}"
    add_row(f"cached: `kittidet run`, processor time, best of {given.rounds}", f"{said}; load {load}")


if __name__ == "__main__":
    main()
