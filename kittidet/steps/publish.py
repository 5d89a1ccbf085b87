"""Step 7, pick and publish: the checkpoint with the best AP becomes a run folder that a person keeps.

A run folder is complete or absent and is never written over: the same content finds its folder again, other content
under the same name gets the next free number.
"""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from kittidet.config import RunConfig
from kittidet.errors import EvaluationError, StoreError
from kittidet.eval.coco_format import coco_ground_truth
from kittidet.files import (
    digest_file,
    digest_files,
    digest_of,
    locked,
    numbered,
    remove_partials,
    whole_folder,
    write_json,
)
from kittidet.runs.environment import describe_environment
from kittidet.steps.evaluate import val_frames
from kittidet.steps.train import checkpoint_path
from kittidet.store import StepOutput, Store

VERSION = 1
_IDENTITY = ".run.json"


class PipelineOutputs(BaseModel):
    """The step outputs a run is published from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: StepOutput
    validation: StepOutput
    split: StepOutput
    train_records: StepOutput
    val_records: StepOutput
    trained: StepOutput
    evaluations: tuple[StepOutput, ...] = ()


class PublishedRun(BaseModel):
    """A finished run.

    Attributes:
        path: ``runs/<name>``.
        summary: the content of ``summary.json``.
        cached: whether the folder was already there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    summary: dict[str, Any]
    cached: bool


def pick_best(evaluations: Sequence[StepOutput]) -> StepOutput:
    """Return the evaluation with the highest AP; of equals, the earliest step.

    Raises:
        EvaluationError: if there is none, or none has an AP.
    """
    scored = [e for e in evaluations if e.summary["metrics"]["ap"] is not None]
    if not scored:
        raise EvaluationError(
            f"{len(evaluations)} checkpoints were evaluated and none has an AP: the validation frames hold no "
            "labelled object. Use a larger data set or another split."
        )
    return max(scored, key=lambda e: (e.summary["metrics"]["ap"], -e.summary["step"]))


def run_digest(config: RunConfig, outputs: PipelineOutputs) -> str:
    """Return the identity of a run: its configuration and every step output it is made of."""
    # Where data and first weights come from is no part of what they are: their digests are in the outputs' keys. Nor is
    # how many bad frames would have been too many.
    settings = config.model_dump(
        mode="json",
        exclude={
            "store_dir": True,
            "runs_dir": True,
            "source": True,
            "train": {"initial_weights"},
            "validation": {"max_bad_share"},
        },
    )
    return digest_of(
        {
            "version": VERSION,
            "config": settings,
            "data": outputs.dataset.summary["content"],
            "validation": outputs.validation.digest,
            "steps": [outputs.split.digest, outputs.train_records.digest, outputs.trained.digest],
            "evaluations": [e.digest for e in outputs.evaluations],
        }
    )


def publish(store: Store, outputs: PipelineOutputs, config: RunConfig) -> PublishedRun:
    """Return ``runs/<name>`` (or ``<name>-2``, ...) with the best and last weights, scores and records of the run.

    Raises:
        EvaluationError: if no checkpoint has an AP.
        StoreError: if the runs folder cannot be written.
    """
    digest = run_digest(config, outputs)
    runs_dir = config.runs_dir.absolute()
    with _locked(runs_dir):
        for folder in numbered(runs_dir / config.name):
            if not folder.exists():
                break
            if _holds(folder, digest):
                return PublishedRun(path=folder, summary=_read_json(folder / "summary.json"), cached=True)
        remove_partials(runs_dir, f"{config.name}*")
        try:
            with whole_folder(folder) as partial:
                summary = _write_run(partial, store, outputs, config)
                write_json(partial / _IDENTITY, {"digest": digest, "files": digest_files(partial)})
        except OSError as error:
            raise StoreError(
                f"{error.filename or folder}: cannot publish the run: {error.strerror or error}. "
                "Make room or make it accessible, then start the same command again; no step is lost."
            ) from error
    return PublishedRun(path=folder, summary=summary, cached=False)


def _write_run(folder: Path, store: Store, outputs: PipelineOutputs, config: RunConfig) -> dict[str, Any]:
    best = pick_best(outputs.evaluations)
    last = max(outputs.evaluations, key=lambda e: e.summary["step"])
    for name, evaluation in (("best", best), ("last", last)):
        source = checkpoint_path(store, outputs.trained, evaluation.summary["name"])
        shutil.copytree(source, folder / "weights" / name)
    shutil.copyfile(store.path(outputs.trained) / "history.csv", folder / "history.csv")
    shutil.copyfile(store.path(best) / "predictions.json", folder / "predictions.json")
    shutil.copyfile(store.path(outputs.validation) / "findings.csv", folder / "findings.csv")
    for side in ("train", "val"):
        shutil.copyfile(store.path(outputs.split) / f"{side}.txt", folder / f"{side}.txt")
    truth = coco_ground_truth(val_frames(store, outputs.dataset, outputs.split), config.records.table())
    write_json(folder / "ground_truth.json", truth)
    write_json(folder / "config.json", _anchored(config, store).model_dump(mode="json"))
    summary = {
        **summarise(config, outputs, best),
        # From the run's folder: holds after both were moved together. The configuration's holds while they stay.
        "store": os.path.relpath(store.root, folder),
        "environment": describe_environment(),
    }
    write_json(folder / "summary.json", summary)
    return summary


def _anchored(config: RunConfig, store: Store) -> RunConfig:
    """Return the configuration with every path absolute, so that it means the same from any folder."""
    source, train = config.source, config.train
    if source.path is not None:
        source = source.model_copy(update={"path": source.path.absolute()})
    if isinstance(train.initial_weights, Path):
        train = train.model_copy(update={"initial_weights": train.initial_weights.absolute()})
    return config.model_copy(
        update={"store_dir": store.root, "runs_dir": config.runs_dir.absolute(), "source": source, "train": train}
    )


def summarise(config: RunConfig, outputs: PipelineOutputs, best: StepOutput) -> dict[str, Any]:
    """Return the content of ``summary.json`` for a picked evaluation."""
    metrics = best.summary["metrics"]
    return {
        "name": config.name,
        "ap": metrics["ap"],
        "ap50": metrics["ap50"],
        "ap75": metrics["ap75"],
        "per_class_ap": metrics["per_class_ap"],
        "per_class_ap50": metrics["per_class_ap50"],
        "best_step": best.summary["step"],
        "best_epoch": best.summary["epoch"],
        "checkpoint": "weights/best",
        "checkpoints": [
            {
                "step": e.summary["step"],
                "epoch": e.summary["epoch"],
                "ap": e.summary["metrics"]["ap"],
                "ap50": e.summary["metrics"]["ap50"],
                "ap75": e.summary["metrics"]["ap75"],
            }
            for e in sorted(outputs.evaluations, key=lambda e: e.summary["step"])
        ],
        "classes": list(config.records.table().names),
        "variant": config.model.variant,
        "input_hw": list(config.model.input_hw),
        "n_train": outputs.split.summary["n_train"],
        "n_val": outputs.split.summary["n_val"],
        "n_set_aside": outputs.validation.summary["set_aside"],
        "split": outputs.split.summary["method"],
        "leakage": outputs.split.summary["leakage"],
        "anchor_coverage": outputs.trained.summary["anchor_coverage"],
        "counts": {
            "train": outputs.train_records.summary["counts"],
            "val": outputs.val_records.summary["counts"],
        },
        "digests": {
            "data": outputs.dataset.summary["content"],
            "split": outputs.split.summary["digest"],
            "train_records": outputs.train_records.summary["records_digest"],
            "val_records": outputs.val_records.summary["records_digest"],
            "training": outputs.trained.digest,
            "checkpoint": best.summary["digest"],
        },
    }


def _holds(folder: Path, digest: str) -> bool:
    """Whether a run folder is this run, with every published file still as it was."""
    try:
        identity = _read_json(folder / _IDENTITY)
        return identity["digest"] == digest and all(
            (folder / name).is_file() and digest_file(folder / name) == expected
            for name, expected in identity["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError):
        # Not one of ours, or half deleted by its owner: it stays as it is and the run gets another folder.
        return False


@contextmanager
def _locked(runs_dir: Path) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            runs_dir.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(runs_dir / ".lock", waiting_for=str(runs_dir)))
        except OSError as error:
            raise StoreError(
                f"{runs_dir}: cannot write runs: {error.strerror or error}. Set a writable runs_dir."
            ) from error
        yield


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
