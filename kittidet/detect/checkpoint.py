"""A detector on disk: a folder with its weights and what is needed to build it again.

``model.weights.h5`` holds the weights that are to be used (averaged ones, where there is an average); ``detector.json``
what they mean, and the digest of the weights. The weights are read as plain arrays: a checkpoint from anywhere cannot
run code.
"""

import re
import shutil
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from kittidet.classes import ClassTable
from kittidet.config import ModelConfig
from kittidet.errors import CheckpointMismatchError, KittidetError, first_line
from kittidet.files import check_room, digest_file, read_json, remove_partials, whole_folder, write_json

WEIGHTS_NAME = "model.weights.h5"
FACTS_NAME = "detector.json"
_DIGEST = "weights_sha256"
_BYTES_AROUND_VARIABLE = 4096  # of HDF5's groups and names
_FOLDER = re.compile(r"(average|step)-(\d{8})")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A saved detector.

    Attributes:
        step: optimiser steps it has seen.
        epoch: finished epochs, counted from 1.
        path: its folder, ``step-00001234``, or ``average-00001234``.
        average_of: steps whose weights it is the mean of; empty where it is one step's own.
    """

    step: int
    epoch: int
    path: Path
    average_of: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class DetectorFacts:
    """What the weights of a detector mean.

    Attributes:
        model: variant, input size and anchors.
        table: the class table; class ``i`` of the network is id ``i + 1``.
        step: optimiser steps.
        epoch: finished epochs, counted from 1; 0 before training.
        records_digest: the records it was trained on; None before training.
        average_of: steps whose weights these are the mean of, the newest of which is ``step``; empty if of one.
    """

    model: ModelConfig
    table: ClassTable
    step: int = 0
    epoch: int = 0
    records_digest: str | None = None
    average_of: tuple[int, ...] = ()


def write_checkpoint(folder: Path, network: keras.Model, facts: DetectorFacts) -> Checkpoint:
    """Write a checkpoint ``step-<8 digits>`` below ``folder`` and return it; its name only ever shows all of it.

    That of a mean of several steps is ``average-<8 digits>``.
    """
    kind = "average" if facts.average_of else "step"
    # A run that died between its checkpoint and its state writes the same step again.
    path = write_detector(folder / f"{kind}-{facts.step:08d}", network, facts, replace=True)
    return Checkpoint(facts.step, facts.epoch, path, facts.average_of)


def write_detector(path: Path, network: keras.Model, facts: DetectorFacts, *, replace: bool = False) -> Path:
    """Write a detector as the folder ``path`` and return it.

    Raises:
        OSError: if it cannot be written, or ``path`` holds something and ``replace`` is off.
    """
    with whole_folder(path, replace=replace) as folder:
        check_room(folder, 4 * network.count_params() + _BYTES_AROUND_VARIABLE * len(network.weights))
        network.save_weights(folder / WEIGHTS_NAME)
        _write_facts(folder, facts)
    return path


def list_checkpoints(folder: Path) -> list[Checkpoint]:
    """Return the finished checkpoints below a folder, those of an average first, then oldest first."""
    paths = [p for p in folder.glob("*-*") if _FOLDER.fullmatch(p.name) and (p / FACTS_NAME).is_file()]
    facts = ((p, read_facts(p)) for p in sorted(paths))
    return [Checkpoint(f.step, f.epoch, p, f.average_of) for p, f in facts]


def keep_steps(folder: Path, steps: Collection[int]) -> None:
    """Remove all checkpoints below a folder but those of these steps, and what a killed run left half-written."""
    for checkpoint in list_checkpoints(folder):
        if checkpoint.step not in steps:
            shutil.rmtree(checkpoint.path)
    remove_partials(folder)


def detector_path(path: Path) -> Path:
    """Return the checkpoint folder that a run, its ``weights``, a checkpoint folder or its weights file stands for.

    Raises:
        CheckpointMismatchError: if it is none of these.
    """
    for candidate in (path, path / "weights" / "best", path / "best", *([path.parent] * (path.name == WEIGHTS_NAME))):
        if (candidate / FACTS_NAME).is_file():
            return candidate
    raise CheckpointMismatchError(
        f"{path}: expected a run folder (with weights/best) or a checkpoint folder (with {FACTS_NAME}), "
        "got neither. Name a folder such as runs/kitti-finetune."
    )


def read_facts(path: Path, *, name: str = FACTS_NAME) -> DetectorFacts:
    """Return what a checkpoint says about itself.

    Args:
        path: its folder.
        name: of the file in it.

    Raises:
        CheckpointMismatchError: if it is not a checkpoint of this project.
    """
    file = path / name
    advice = "Expected a checkpoint folder such as checkpoints/step-00001234."
    values = read_json(file, error=CheckpointMismatchError, advice=advice)
    try:
        model, digest = values["model"], values["records_digest"]
        return DetectorFacts(
            model=ModelConfig.model_validate(model),
            table=ClassTable.from_json({**values, "names": values["classes"]}),
            step=int(values["step"]),
            epoch=int(values["epoch"]),
            records_digest=None if digest is None else str(digest),
            average_of=tuple(int(step) for step in values.get("average_of", ())),
        )
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError, KittidetError) as error:
        raise CheckpointMismatchError(f"{file}: not the facts of a detector ({error!r}). Train it again.") from error


def facts_to_json(facts: DetectorFacts) -> dict[str, Any]:
    """Return facts as JSON types, as `read_facts` reads them."""
    table = facts.table.to_json()
    return {
        "model": facts.model.model_dump(mode="json"),
        "classes": table.pop("names"),
        **table,
        "step": facts.step,
        "epoch": facts.epoch,
        "records_digest": facts.records_digest,
        **({"average_of": list(facts.average_of)} if facts.average_of else {}),
    }


def load_weights(network: keras.Model, file: Path) -> None:
    """Load a ``.weights.h5`` file into a network, and refuse weights that are not finite.

    Raises:
        CheckpointMismatchError: if the file is damaged, is not the one that the facts beside it were written with, does
            not fit, or holds NaN or infinite values.
    """
    _check_digest(file)
    try:
        with warnings.catch_warnings():
            # Keras only warns of layers that it finds no weights for, and leaves them as they are.
            warnings.simplefilter("error", UserWarning)
            network.load_weights(file)
    except (OSError, ValueError, KeyError, UserWarning) as error:
        raise CheckpointMismatchError(
            f"{file}: cannot load these weights into {network.name}: {first_line(error)} "
            "Expected an undamaged file that was saved from the same variant and class table."
        ) from error
    for variable in network.weights:
        if not np.isfinite(keras.ops.convert_to_numpy(variable)).all():
            raise CheckpointMismatchError(
                f"{file}: {variable.path} holds values that are not finite. Take an earlier checkpoint."
            )


def write_half_precision(checkpoint: Path, out_dir: Path) -> Path:
    """Write a copy of a checkpoint whose floats are float16, compressed: for small starters, half the size.

    Args:
        checkpoint: the folder to copy.
        out_dir: the folder to make; it must not exist.

    Raises:
        CheckpointMismatchError: if it is no checkpoint, or a value does not fit float16.
    """
    facts = read_facts(checkpoint)
    with whole_folder(out_dir) as folder:
        check_room(folder, (checkpoint / WEIGHTS_NAME).stat().st_size)
        with h5py.File(checkpoint / WEIGHTS_NAME, "r") as source, h5py.File(folder / WEIGHTS_NAME, "w") as target:
            source.visititems(lambda name, item: _copy_half(name, item, target))
        _write_facts(folder, facts)
    return out_dir


def _check_digest(file: Path) -> None:
    facts = file.parent / FACTS_NAME
    if not file.is_file() or not facts.is_file():
        return
    values = read_json(facts, error=CheckpointMismatchError, advice="Expected a checkpoint folder.")
    # Those of an earlier version have none.
    expected = values.get(_DIGEST) if isinstance(values, dict) else None
    if expected is not None and (found := digest_file(file)) != expected:
        raise CheckpointMismatchError(
            f"{file}: changed since it was written: expected sha256 {expected}, found {found}. Copy it again, or take "
            "another checkpoint."
        )


def _copy_half(name: str, item: Any, target: h5py.File) -> None:
    if not isinstance(item, h5py.Dataset):
        target.require_group(name).attrs.update(item.attrs)
        return
    values = item[()]
    if isinstance(values, np.ndarray) and values.dtype == np.float32:
        with np.errstate(over="ignore"):  # what overflows is refused below, by name
            values = values.astype(np.float16)
        if not np.isfinite(values).all():
            raise CheckpointMismatchError(f"{item.file.filename}: {name} does not fit float16. Keep it in float32.")
    packed = {"compression": "gzip", "shuffle": True} if np.ndim(values) else {}
    target.create_dataset(name, data=values, **packed).attrs.update(item.attrs)


def _write_facts(folder: Path, facts: DetectorFacts) -> None:
    write_json(folder / FACTS_NAME, {**facts_to_json(facts), _DIGEST: digest_file(folder / WEIGHTS_NAME)})
