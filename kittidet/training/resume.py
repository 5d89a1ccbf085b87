"""The state of an unfinished run at the end of an epoch: enough to go on as if nothing had happened.

Keras' ``BackupAndRestore`` was looked at first: it writes its two files in place, one after the other, so that a kill
in between leaves weights of one epoch and the number of another; and it knows neither the average of batch-norm
statistics nor the history. Here all of it is one folder that appears by one rename.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kittidet.errors import TrainingError
from kittidet.files import read_json, whole_folder, write_json

_FOLDER = re.compile(r"epoch-(\d{5})")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run had come.

    Attributes:
        epoch: finished epochs.
        step: optimiser steps.
        rows: the history so far, one mapping an epoch.
    """

    epoch: int
    step: int
    rows: list[dict[str, Any]]


def save_state(folder: Path, variables: Mapping[str, Sequence[Any]], progress: Progress, *, identity: str) -> None:
    """Write the state of a run and remove the one before it; a kill at any moment leaves one whole state.

    Args:
        folder: where states live.
        variables: groups of Keras variables, every one that training changes: weights, statistics, optimiser slots,
            averages, random seeds.
        progress: where the run is.
        identity: digest of what the run is made of; a state is only ever loaded into an equal run.
    """
    final = folder / f"epoch-{progress.epoch:05d}"
    arrays = {name: keras.ops.convert_to_numpy(v) for name, v in _named(variables).items()}
    facts = {"identity": identity, "epoch": progress.epoch, "step": progress.step, "rows": progress.rows}
    with whole_folder(final, replace=True) as partial:
        np.savez(partial / "variables.npz", **arrays)
        write_json(partial / "progress.json", facts)
    for other in folder.iterdir():
        if other != final:
            shutil.rmtree(other)


def load_state(folder: Path, variables: Mapping[str, Sequence[Any]], *, identity: str) -> Progress | None:
    """Put the newest saved state into the variables and return where the run was; None if there is none.

    Raises:
        TrainingError: if the state belongs to another run or does not fit.
    """
    found = sorted(p for p in folder.glob("epoch-*") if _FOLDER.fullmatch(p.name))
    if not found:
        return None
    newest = found[-1]
    facts = read_json(newest / "progress.json", error=TrainingError, advice=f"Delete {newest} to start over.")
    if facts["identity"] != identity:
        raise TrainingError(
            f"{newest}: the unfinished run in this folder has other records, model or recipe. "
            "Give this run another work folder, or delete that one."
        )
    named = _named(variables)
    with np.load(newest / "variables.npz", allow_pickle=False) as arrays:
        if set(arrays.files) != set(named):
            raise TrainingError(
                f"{newest}: expected {len(named)} variables, got {len(arrays.files)}. It was saved by another version; "
                "delete the folder to start over."
            )
        for name, variable in named.items():
            variable.assign(arrays[name])
    return Progress(int(facts["epoch"]), int(facts["step"]), list(facts["rows"]))


def _named(variables: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    # Paths repeat in some optimisers; the place in the list does not, and is the same in an equal run.
    return {f"{group}/{i:05d}": v for group, members in variables.items() for i, v in enumerate(members)}
