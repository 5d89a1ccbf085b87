"""How many images are in the memory of a device at a time: as asked, or found by trying and remembered by the folder.

It changes neither the batch nor the rate, so it is no part of a run's identity: a run may go on with another.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from kittidet.config import ModelConfig, TrainConfig
from kittidet.errors import TrainingError
from kittidet.files import read_json, write_json

log = logging.getLogger(__name__)

_FILE = "micro_batch.json"
# Of the memory there is, for the system and for what is predicted too low.
_USABLE_SHARE = 0.85


def first_micro_batch(
    work_dir: Path,
    train: TrainConfig,
    *,
    devices: int = 1,
    peak: Callable[[int], int] | None = None,
    memory: int = 0,
) -> int:
    """Return how many images to begin with: the number asked for, else what fitted last time, else what should fit.

    Where that does not divide a device's share of the batch, the next smaller number that does.

    Args:
        work_dir: the run's folder.
        train: the recipe.
        devices: how many share the batch.
        peak: images at a time -> predicted memory, bytes: what is too much ends a process without a word, where there
            is no GPU. None: not known; all images are tried.
        memory: that there is, bytes.

    Raises:
        TrainingError: if the run's note of it cannot be read.
    """
    parts = _divisors(train.batch_size // devices)
    note = work_dir / _FILE
    if train.micro_batch != "auto":
        return _largest(parts, train.micro_batch)
    if note.is_file():
        facts = read_json(note, error=TrainingError, advice=f"Delete {note}; it is found again.")
        return _largest(parts, int(facts["images"]))
    if peak is None:
        return parts[-1]
    return next((n for n in reversed(parts) if peak(n) <= _USABLE_SHARE * memory), 1)


def step_down(
    work_dir: Path, train: TrainConfig, model: ModelConfig, micro_batch: int, reason: str, *, devices: int = 1
) -> int:
    """Return the next smaller number after memory ran out, and note it in the run's folder.

    Raises:
        TrainingError: if there is none: what to change to need less memory.
    """
    smaller = [n for n in _divisors(train.batch_size // devices) if n <= micro_batch // 2]
    if train.micro_batch != "auto" or not smaller:
        height, width = (side // 256 * 128 for side in model.input_hw)
        raise TrainingError(
            f"out of memory with {micro_batch} image{'s' * (micro_batch > 1)} at a time (train.batch_size="
            f"{train.batch_size}, {model.variant} at {model.input_hw[1]}x{model.input_hw[0]}): {reason} "
            + ("Set train.micro_batch=auto, " if smaller else "Choose a smaller model.variant, ")
            + f"a smaller size such as model.input_hw=[{max(128, height)},{max(128, width)}], "
            "train.batch_norm=frozen, or on a GPU train.precision=mixed_bfloat16."
        )
    write_json(work_dir / _FILE, {"images": smaller[-1]})
    log.warning(
        "out of memory: going on from the last saved state with %d image%s at a time, added up to the same batch "
        "of %d; the learning rate stays as it is",
        *(smaller[-1], "s" * (smaller[-1] > 1), train.batch_size),
    )
    return smaller[-1]


def _divisors(batch_size: int) -> list[int]:
    return [n for n in range(1, batch_size + 1) if batch_size % n == 0]


def _largest(parts: list[int], limit: int) -> int:
    return max(n for n in parts if n <= limit)
