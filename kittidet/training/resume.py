"""The state of an unfinished run, at the end of an epoch or inside one: enough to go on as if nothing had happened.

Keras' ``BackupAndRestore`` is not used: it writes its two files in place, one after the other, so that a kill
in between leaves the weights of one epoch and the number of another; and it saves neither the average of batch-norm
statistics nor the history. Here everything is one folder that appears by a single rename, and carries its digests:
what a disk has damaged is passed over for the state before.
"""

import logging
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kittidet.errors import TrainingError
from kittidet.files import digest_file, digest_of, read_json, whole_folder, write_json
from kittidet.training.guards import NotFiniteError

log = logging.getLogger(__name__)

_FOLDER = re.compile(r"epoch-\d{5}-batch-\d{7}")
_KEPT = 2


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come.

    Attributes:
        epoch: finished epochs.
        step: optimiser steps.
        rows: the history so far, one mapping per epoch.
        batch: finished batches of the epoch that is under way.
    """

    epoch: int
    step: int
    rows: list[dict[str, Any]]
    batch: int = 0


def save_state(folder: Path, variables: Mapping[str, Sequence[Any]], progress: Progress, *, identity: str) -> None:
    """Write the state of a run, and remove all but this one and the one before; a kill at any moment leaves one whole.

    Args:
        folder: where states are kept.
        variables: groups of all Keras variables that training changes: weights, statistics, optimiser slots,
            averages, random seeds, sums of the epoch's losses.
        progress: where the run is.
        identity: digest of everything that defines the run; a state is only loaded into an equal run.

    Raises:
        NotFiniteError: if a variable is not finite; nothing is written then.
    """
    arrays = {name: keras.ops.convert_to_numpy(v) for name, v in _named(variables).items()}
    bad = [name for name, array in arrays.items() if array.dtype.kind == "f" and not np.isfinite(array).all()]
    if bad:
        raise NotFiniteError(f"step {progress.step}: {len(bad)} of {len(arrays)} variables are not finite.")
    final = folder / f"epoch-{progress.epoch:05d}-batch-{progress.batch:07d}"
    with whole_folder(final, replace=True) as partial:
        np.savez(partial / "variables.npz", **arrays)
        facts = {"identity": identity, **asdict(progress), "sha256": digest_file(partial / "variables.npz")}
        write_json(partial / "progress.json", {**facts, "seal": digest_of(facts)})
    keep_newest(folder, count=_KEPT)


def keep_newest(folder: Path, *, count: int) -> None:
    """Remove everything in a folder of states but the newest few."""
    states = _states(folder)[-count:]
    for other in folder.iterdir() if folder.is_dir() else ():
        if other not in states:
            shutil.rmtree(other)


def load_state(
    folder: Path, variables: Mapping[str, Sequence[Any]], *, identity: str, earlier: str | None = None
) -> Progress | None:
    """Load the newest whole state into the variables and return the run's progress; None if there is none.

    A state that is damaged is named in a warning, and the one before it taken.

    Args:
        folder: where states are kept.
        variables: as in `save_state`.
        identity: of the run.
        earlier: identity of the shorter run that it goes on from.

    Raises:
        TrainingError: if a state belongs to another run or does not fit.
    """
    found = _states(folder)
    for path in reversed(found):
        try:
            facts = _read(path)
        except TrainingError as error:
            log.warning("fit.state_damaged %s", error)
            continue
        if facts["identity"] not in {identity, earlier}:
            raise TrainingError(
                f"{path}: the unfinished run in this folder has different records, model or recipe. "
                "Use another work folder for this run, or delete that one."
            )
        _assign(path, variables)
        return Progress(int(facts["epoch"]), int(facts["step"]), list(facts["rows"]), int(facts["batch"]))
    if found:
        log.warning("fit.start_over folder=%s none of its %d states is whole", folder, len(found))
    return None


def _states(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("epoch-*") if _FOLDER.fullmatch(p.name))


def _read(path: Path) -> dict[str, Any]:
    """Return the facts of a state whose bytes are those that were written."""
    advice = "The state before it is used, or training starts over."
    facts = read_json(path / "progress.json", error=TrainingError, advice=advice)
    seal = facts.pop("seal", None) if isinstance(facts, dict) else None
    variables = path / "variables.npz"
    if seal != digest_of(facts) or not variables.is_file() or digest_file(variables) != facts["sha256"]:
        raise TrainingError(f"{path}: this state of the training is damaged. {advice}")
    return facts


def _assign(path: Path, variables: Mapping[str, Sequence[Any]]) -> None:
    named = _named(variables)
    with np.load(path / "variables.npz", allow_pickle=False) as arrays:
        if set(arrays.files) != set(named):
            raise TrainingError(
                f"{path}: expected {len(named)} variables, got {len(arrays.files)}. Another version saved it; "
                "delete the folder to start over."
            )
        for name, variable in named.items():
            variable.assign(arrays[name])


def _named(variables: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    # Paths repeat in some optimisers; the position in the list does not, and is the same in an equal run.
    return {f"{group}/{i:05d}": v for group, members in variables.items() for i, v in enumerate(members)}
