"""What a finished training leaves for a longer one that goes on from it; loads no TensorFlow."""

import shutil
from pathlib import Path

from kittidet.files import whole_folder

# In a run's folder, where its states are.
RESUME = "resume"
# In a run's folder, what says that it is finished.
RESULT = "training.json"


def go_on_from(finished: Path, folder: Path) -> None:
    """Copy what a finished training left into the folder of one that extends it; again only where that was cut short.

    Args:
        finished: its folder; names that begin with an underscore are its keeper's.
        folder: receives checkpoints, states and the rest, but not what says that it is finished.
    """
    if (folder / RESUME).is_dir():
        return
    others = shutil.ignore_patterns(RESUME, RESULT, "_*")
    shutil.copytree(finished, folder, dirs_exist_ok=True, ignore=others)
    if (finished / RESUME).is_dir():
        # Last, and at once: where the state is, everything is.
        with whole_folder(folder / RESUME) as partial:
            shutil.copytree(finished / RESUME, partial, dirs_exist_ok=True)
