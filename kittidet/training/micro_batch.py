"""How many images are in memory at a time: as asked, or found by trying, and remembered by the run's folder.

It changes neither the batch nor the rate, so it is no part of a run's identity: a run may go on with another.
"""

import logging
from pathlib import Path

from kittidet.config import ModelConfig, TrainConfig
from kittidet.errors import TrainingError
from kittidet.files import read_json, write_json

log = logging.getLogger(__name__)

_FILE = "micro_batch.json"


def first_micro_batch(work_dir: Path, train: TrainConfig) -> int:
    """Return how many images to begin with: the number that was asked for, else what fitted last time, else all.

    Raises:
        TrainingError: if the run's note of it cannot be read.
    """
    if train.micro_batch != "auto":
        return train.micro_batch
    note = work_dir / _FILE
    if not note.is_file():
        return train.batch_size
    return int(read_json(note, error=TrainingError, advice=f"Delete {note}; it is found again.")["images"])


def step_down(work_dir: Path, train: TrainConfig, model: ModelConfig, micro_batch: int, reason: str) -> int:
    """Return the next smaller number after memory ran out, and note it in the run's folder.

    Raises:
        TrainingError: if there is none: what to change to need less memory.
    """
    smaller = [n for n in range(1, micro_batch // 2 + 1) if train.batch_size % n == 0]
    if train.micro_batch != "auto" or not smaller:
        height, width = (side // 256 * 128 for side in model.input_hw)
        raise TrainingError(
            f"out of memory with {micro_batch} image{'s' * (micro_batch > 1)} at a time (train.batch_size="
            f"{train.batch_size}, {model.variant} at {model.input_hw[1]}x{model.input_hw[0]}): {reason} "
            + ("Set train.micro_batch=auto, " if smaller else "Choose a smaller model.variant, ")
            + f"a smaller size such as model.input_hw=[{max(128, height)},{max(128, width)}], "
            "train.batch_norm=frozen, or on a GPU train.mixed_precision=true."
        )
    write_json(work_dir / _FILE, {"images": smaller[-1]})
    log.warning(
        "out of memory: going on from the last saved state with %d image%s at a time, added up to the same batch "
        "of %d; the learning rate stays as it is",
        *(smaller[-1], "s" * (smaller[-1] > 1), train.batch_size),
    )
    return smaller[-1]
