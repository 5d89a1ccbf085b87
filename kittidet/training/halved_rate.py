"""What a run does when its loss is no number: it goes back to its last state and on at half the rate, twice at most.

How often is remembered by the run's folder: it is no part of the recipe, but the result says it.
"""

import logging
from pathlib import Path

from kittidet.errors import TrainingError
from kittidet.files import read_json, write_json
from kittidet.training.guards import NotFiniteError

log = logging.getLogger(__name__)

_FILE = "halved_rate.json"
_MOST = 2


def halvings_of(work_dir: Path) -> int:
    """Return how often the rate of the run in a folder was halved.

    Raises:
        TrainingError: if the run's note of it cannot be read.
    """
    note = work_dir / _FILE
    if not note.is_file():
        return 0
    advice = f"Delete {note}; the rate begins as configured."
    return int(read_json(note, error=TrainingError, advice=advice)["halvings"])


def halve_rate(work_dir: Path, error: NotFiniteError) -> int:
    """Return how often the rate is halved from now on, and note it in the run's folder.

    Raises:
        TrainingError: if that did not help before: with the parts of the loss and what to change.
    """
    halvings = halvings_of(work_dir) + 1
    if halvings > _MOST:
        raise TrainingError(
            f"{error} The rate was already halved {_MOST} times. Look at these images and their labels (`kittidet "
            "inspect` on the records); else lower train.learning_rate (try a tenth) or train.clip_norm, or give the "
            f"warm-up more epochs."
        ) from error
    write_json(work_dir / _FILE, {"halvings": halvings})
    log.warning("%s Going on from the last saved state at %g of the learning rate", error, 0.5**halvings)
    return halvings
