"""How long a step took when a run last trained: for the plan of the one that goes on, or that extends it."""

from pathlib import Path

from kittidet.errors import TrainingError
from kittidet.files import read_json, write_json

_FILE = "pace.json"


def read_pace(work_dir: Path, where: str) -> float | None:
    """Return seconds a step; None if the run has not trained yet, or did so elsewhere.

    Args:
        work_dir: the run's folder.
        where: what it trains on, and how many images are in memory at a time.
    """
    note = work_dir / _FILE
    if not note.is_file():
        return None
    try:
        facts = read_json(note, error=TrainingError, advice="It is written again.")
        return float(facts["seconds_per_step"]) if facts["where"] == where else None
    except (TrainingError, KeyError, TypeError, ValueError):
        return None  # an estimate is no reason to stop


def write_pace(work_dir: Path, where: str, seconds_per_step: float) -> None:
    """Note how long a step takes."""
    write_json(work_dir / _FILE, {"where": where, "seconds_per_step": seconds_per_step})
