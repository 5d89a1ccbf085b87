"""A detector on disk: a folder with its weights and what is needed to build it again.

``model.weights.h5`` holds the weights that are to be used (averaged ones, where there is an average); ``detector.json``
what they mean. The weights are read as plain arrays: a checkpoint from anywhere cannot run code.
"""

import json
import re
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from kittidet.classes import ClassTable
from kittidet.config import ModelConfig
from kittidet.errors import CheckpointMismatchError, KittidetError
from kittidet.files import write_text_atomic
from kittidet.model.efficientdet import build_efficientdet

WEIGHTS_NAME = "model.weights.h5"
FACTS_NAME = "detector.json"
_FOLDER = re.compile(r"step-(\d{8})")
_PARTIAL = ".partial"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A saved detector.

    Attributes:
        step: optimiser steps it has seen.
        epoch: finished epochs, counted from 1.
        path: its folder, ``step-00001234``.
    """

    step: int
    epoch: int
    path: Path


@dataclass(frozen=True, slots=True)
class DetectorFacts:
    """What the weights of a checkpoint mean.

    Attributes:
        model: variant, canvas and anchors.
        table: the class table; class ``i`` of the network is id ``i + 1``.
        step: optimiser steps.
        epoch: finished epochs, counted from 1.
        records_digest: the records it was trained on.
    """

    model: ModelConfig
    table: ClassTable
    step: int
    epoch: int
    records_digest: str


@dataclass(frozen=True, slots=True)
class LoadedDetector:
    """A detector that is ready to predict.

    Attributes:
        network: ``[b, h, w, 3]`` float32 normalised -> ``class_logits``, ``box_codes``.
        table: the class table; class ``i`` of the network is id ``i + 1``.
        model_config: variant, canvas and anchors.
        step: optimiser steps it has seen.
    """

    network: keras.Model
    table: ClassTable
    model_config: ModelConfig
    step: int


def write_checkpoint(folder: Path, network: keras.Model, facts: DetectorFacts) -> Checkpoint:
    """Write a checkpoint ``step-<8 digits>`` below ``folder`` and return it; its name only ever shows all of it."""
    final = folder / f"step-{facts.step:08d}"
    partial = final.with_name(final.name + _PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    network.save_weights(partial / WEIGHTS_NAME)
    _write_facts(partial, facts)
    if final.exists():
        # A run that died between its checkpoint and its state writes the same step again.
        shutil.rmtree(final)
    partial.rename(final)
    return Checkpoint(facts.step, facts.epoch, final)


def list_checkpoints(folder: Path) -> list[Checkpoint]:
    """Return the finished checkpoints below a folder, oldest first."""
    paths = [p for p in folder.glob("step-*") if _FOLDER.fullmatch(p.name) and (p / FACTS_NAME).is_file()]
    return [Checkpoint(f.step, f.epoch, p) for p, f in ((p, read_facts(p)) for p in sorted(paths))]


def keep_newest(folder: Path, count: int) -> None:
    """Remove all checkpoints below a folder but the newest ``count``, and what a killed run left half-written."""
    for checkpoint in list_checkpoints(folder)[:-count]:
        shutil.rmtree(checkpoint.path)
    for partial in folder.glob(f"step-*{_PARTIAL}"):
        shutil.rmtree(partial)


def detector_path(path: Path) -> Path:
    """Return the checkpoint folder that a run folder, its ``weights`` folder or a checkpoint folder stands for.

    Raises:
        CheckpointMismatchError: if it is none of these.
    """
    for candidate in (path, path / "weights" / "best", path / "best"):
        if (candidate / FACTS_NAME).is_file():
            return candidate
    raise CheckpointMismatchError(
        f"{path}: expected a run folder (with weights/best) or a checkpoint folder (with {FACTS_NAME}), "
        "got neither. Name a folder such as runs/kitti-finetune."
    )


def read_facts(path: Path) -> DetectorFacts:
    """Return what a checkpoint says about itself.

    Raises:
        CheckpointMismatchError: if it is not a checkpoint of this project.
    """
    file = path / FACTS_NAME
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        model = values["model"]
        return DetectorFacts(
            model=ModelConfig.model_validate(model),
            table=ClassTable(tuple(values["classes"]), dict(values["merges"])),
            step=int(values["step"]),
            epoch=int(values["epoch"]),
            records_digest=str(values["records_digest"]),
        )
    except OSError as error:
        raise CheckpointMismatchError(
            f"{file}: cannot read it: {error.strerror}. Expected a checkpoint folder such as checkpoints/step-00001234."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, KittidetError) as error:
        raise CheckpointMismatchError(f"{file}: not the facts of a detector ({error!r}). Train it again.") from error


def load_detector(path: Path, *, reuse: LoadedDetector | None = None) -> LoadedDetector:
    """Return the detector of a checkpoint folder.

    Args:
        path: the folder, such as ``checkpoints/step-00001234``.
        reuse: an earlier result of this function that is not needed any more. Its network is taken over where it
            fits, which saves the seconds that building one takes; that detector then predicts as this one.

    Raises:
        CheckpointMismatchError: if the folder is not a checkpoint, or its weights do not fit the model it names.
    """
    facts = read_facts(path)
    if reuse is not None and (reuse.model_config, reuse.table) == (facts.model, facts.table):
        network = reuse.network
    else:
        network = build_efficientdet(facts.model.variant, len(facts.table), facts.model.input_hw)
    load_weights(network, path / WEIGHTS_NAME)
    return LoadedDetector(network, facts.table, facts.model, facts.step)


def load_weights(network: keras.Model, file: Path) -> None:
    """Load a ``.weights.h5`` file into a network, and refuse weights that are not finite.

    Raises:
        CheckpointMismatchError: if the file is damaged, does not fit, or holds NaN or infinite values.
    """
    try:
        with warnings.catch_warnings():
            # Keras only warns of layers that it finds no weights for, and leaves them as they are.
            warnings.simplefilter("error", UserWarning)
            network.load_weights(file)
    except (OSError, ValueError, KeyError, UserWarning) as error:
        reason = str(error).splitlines()[0] if str(error) else repr(error)
        raise CheckpointMismatchError(
            f"{file}: cannot load these weights into {network.name}: {reason} "
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
    partial = out_dir.with_name(out_dir.name + _PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    with h5py.File(checkpoint / WEIGHTS_NAME, "r") as source, h5py.File(partial / WEIGHTS_NAME, "w") as target:
        source.visititems(lambda name, item: _copy_half(name, item, target))
    _write_facts(partial, facts)
    partial.rename(out_dir)
    return out_dir


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
    values = {
        "model": facts.model.model_dump(mode="json"),
        "classes": list(facts.table.names),
        "merges": dict(facts.table.merges),
        "step": facts.step,
        "epoch": facts.epoch,
        "records_digest": facts.records_digest,
    }
    write_text_atomic(folder / FACTS_NAME, json.dumps(values, indent=1) + "\n")
