"""Step 7, pick and publish: the checkpoint with the best AP becomes a run folder that a person keeps."""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from kittidet.config import RunConfig
from kittidet.errors import EvaluationError
from kittidet.files import digest_of, read_json
from kittidet.runs import run as names
from kittidet.runs.note import note_run
from kittidet.runs.settings import deciding_settings
from kittidet.runs.write import RunContent, write_run
from kittidet.section import Section
from kittidet.steps.code import code_digest
from kittidet.steps.outputs import PipelineOutputs
from kittidet.steps.scoring import val_frames
from kittidet.steps.split import NEAREST
from kittidet.steps.train import checkpoint_path
from kittidet.store import StepOutput, Store

VERSION = 1
# Of the validation frames, to say how sure the pick is: to a few per cent, in seconds a checkpoint.
_PICK_DRAWS = 200
_AP = ("ap", "ap50", "ap75")
_SCORES = (*_AP, "per_class_ap", "per_class_ap50", "max_detections", "ap_at_100")

AnySection = TypeVar("AnySection", bound=Section)


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
    """Return the evaluation with the highest AP; of equals, the earliest step. An average has to be better.

    Raises:
        EvaluationError: if there is none, or none has an AP.
    """
    scored = [e for e in evaluations if e.summary["metrics"]["ap"] is not None]
    if not scored:
        raise EvaluationError(
            f"{len(evaluations)} checkpoints were evaluated and none has an AP: the validation frames hold no "
            "labelled object. Use a larger data set or another split."
        )
    return max(scored, key=lambda e: (e.summary["metrics"]["ap"], not e.summary["average_of"], -e.summary["step"]))


def run_digest(config: RunConfig, outputs: PipelineOutputs) -> str:
    """Return the identity of a run: its configuration and every step output it is made of."""
    return digest_of(
        {
            "version": VERSION,
            "config": deciding_settings(config),
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
        DamagedOutputError: if a file that belongs into the run is not as its step wrote it.
        StoreError: if the runs folder cannot be written.
    """
    runs_dir = config.runs_dir.absolute()
    digest = run_digest(config, outputs)
    run, cached = write_run(runs_dir, config.name, digest, lambda: _content(store, outputs, config))
    if store.shared is not None:
        note_run(store.shared.objects, run, digest, [output.digest for output in _all_of(outputs)])
    return PublishedRun(path=run.path, summary=run.summary, cached=cached)


def _content(store: Store, outputs: PipelineOutputs, config: RunConfig) -> RunContent:
    from kittidet.eval.coco_format import coco_ground_truth
    from kittidet.runs.environment import describe_environment

    best = pick_best(outputs.evaluations)
    last = max(outputs.evaluations, key=lambda e: (e.summary["step"], not e.summary["average_of"]))
    table = config.records.table()
    truth = coco_ground_truth(val_frames(store, outputs.dataset, outputs.split, table), table)
    summary, runs_dir = summarise(config, outputs, best), config.runs_dir.absolute()
    for row, chance in zip(summary["checkpoints"], _chances(store, outputs, truth), strict=True):
        row["chance_of_best"] = chance
    return RunContent(
        copies={
            names.BEST: checkpoint_path(store, outputs.trained, best.summary["name"]),
            names.LAST: checkpoint_path(store, outputs.trained, last.summary["name"]),
            names.HISTORY: store.read(outputs.trained, "history.csv"),
            names.PREDICTIONS: store.read(best, "predictions.json"),
            names.FINDINGS: store.read(outputs.validation, "findings.csv"),
            names.TRAIN_IDS: store.read(outputs.split, "train.txt"),
            names.VAL_IDS: store.read(outputs.split, "val.txt"),
            names.NEAREST: store.read(outputs.split, NEAREST),
            **_shown(store, outputs.trained),
        },
        documents={
            names.GROUND_TRUTH: truth,
            names.CONFIG: _anchored(config, store).model_dump(mode="json"),
            names.SUMMARY: {
                **summary,
                # From the run's folder: holds after both were moved together. The path in the configuration holds
                # while they stay.
                **({"store": os.path.relpath(store.root, runs_dir / config.name)} if store.shared is None else {}),
                "outputs": [{"step": o.step, "digest": o.digest} for o in _all_of(outputs)],
                "published": datetime.now(UTC).isoformat(timespec="seconds"),
                "environment": describe_environment(),
            },
        },
    )


def _shown(store: Store, trained: StepOutput) -> dict[str, Path]:
    """Return the folders of images and curves that a training left."""
    files = store.digests(trained) or {}
    shown = (names.IMAGES, names.TENSORBOARD)
    return {name: store.read(trained, name) for name in shown if any(f.startswith(f"{name}/") for f in files)}


def _all_of(outputs: PipelineOutputs) -> list[StepOutput]:
    data = [outputs.dataset, outputs.validation, outputs.split, outputs.train_records, outputs.val_records]
    return [*data, outputs.trained, *outputs.evaluations]


def _chances(store: Store, outputs: PipelineOutputs, truth: Mapping[str, Any]) -> list[float]:
    """Return how sure it is that each checkpoint is the best, in the order of the summary."""
    from kittidet.eval.coco_format import rows_from_results
    from kittidet.eval.pick import chances_of_best

    results = []
    for evaluation in in_order(outputs.evaluations):
        file = store.read(evaluation, "predictions.json")
        items = read_json(file, error=EvaluationError, advice="Delete its folder; the next run makes it again.")
        results.append(rows_from_results(items, where=str(file)))
    return chances_of_best(truth, results, resamples=_PICK_DRAWS, seed=0)


def in_order(evaluations: Sequence[StepOutput]) -> list[StepOutput]:
    """Return the evaluations in the order of their steps, an average after the step it ends at."""
    return sorted(evaluations, key=lambda e: (e.summary["step"], e.summary["average_of"]))


def _anchored(config: RunConfig, store: Store) -> RunConfig:
    """Return the configuration with every path absolute, so that it means the same from any folder."""
    source = _with_absolute(config.source, "path", "annotations", "images_dir")
    split = _with_absolute(config.split, "train_list", "val_list")
    train = _with_absolute(config.train, "initial_weights")
    folders = {"store_dir": store.place, "runs_dir": config.runs_dir.absolute()}
    return config.model_copy(update={**folders, "source": source, "split": split, "train": train})


def _with_absolute(section: AnySection, *names: str) -> AnySection:
    def absolute(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: absolute(path) for name, path in value.items()}
        return value.absolute() if isinstance(value, Path) else value

    return section.model_copy(update={name: absolute(getattr(section, name)) for name in names})


def summarise(config: RunConfig, outputs: PipelineOutputs, best: StepOutput) -> dict[str, Any]:
    """Return the content of ``summary.json`` for a picked evaluation."""
    metrics = best.summary["metrics"]
    return {
        "name": config.name,
        **{name: metrics[name] for name in _SCORES},
        "best_step": best.summary["step"],
        "best_epoch": best.summary["epoch"],
        "checkpoint": names.BEST,
        "checkpoints": [
            {
                **{name: e.summary[name] for name in ("name", "step", "epoch", "average_of")},
                **{name: e.summary["metrics"][name] for name in _AP},
                "best": e.summary["name"] == best.summary["name"],
            }
            for e in in_order(outputs.evaluations)
        ],
        "classes": list(config.records.table().names),
        "variant": config.model.variant,
        "input_hw": list(config.model.input_hw),
        "n_train": outputs.split.summary["n_train"],
        "n_val": outputs.split.summary["n_val"],
        "n_set_aside": outputs.validation.summary["set_aside"],
        "split": outputs.split.summary["method"],
        "val_is_train": outputs.split.summary.get("val_is_train", False),
        "leakage": outputs.split.summary["leakage"],
        "nearness": outputs.split.summary["nearness"],
        "synthetic": outputs.dataset.summary.get("synthetic", config.source.kind == "synthetic"),
        "anchor_coverage": outputs.trained.summary["anchor_coverage"],
        "rate_halvings": outputs.trained.summary.get("rate_halvings", 0),
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
            "code": code_digest(),
        },
    }
