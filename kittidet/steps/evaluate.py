"""Step 6, evaluate: one checkpoint on the validation frames, scored against their original labels."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kittidet.config import ComputeConfig, EvalConfig
from kittidet.files import write_json
from kittidet.progress import FrameProgress
from kittidet.records.manifest import read_manifest
from kittidet.steps.cluster import HERE, executor_for
from kittidet.steps.fetch import dataset_images
from kittidet.steps.outputs import DataOutputs
from kittidet.steps.scoring import detect_on_records, val_frames
from kittidet.steps.train import checkpoint_path
from kittidet.store import StepKey, StepOutput, Store, step_key

VERSION = 4


def checkpoint_facts(trained: StepOutput, name: str) -> dict[str, Any]:
    """Return name, step, epoch and digest of one checkpoint of a training."""
    return next(c for c in trained.summary["checkpoints"] if c["name"] == name)


def evaluate_key(trained: StepOutput, checkpoint: str, data: DataOutputs, config: EvalConfig) -> StepKey:
    """Return the identity of an evaluation: the checkpoint's bytes, the validation records, the scoring."""
    return scores_key(checkpoint_facts(trained, checkpoint)["digest"], data, config)


def scores_key(checkpoint_digest: str, data: DataOutputs, config: EvalConfig) -> StepKey:
    """Return the identity of the scores of a checkpoint, wherever it comes from."""
    return step_key(
        "evaluate",
        VERSION,
        checkpoint=checkpoint_digest,
        records=data.val_records.summary["records_digest"],
        config=config,
    )


def evaluate(
    store: Store,
    trained: StepOutput,
    checkpoint: str,
    data: DataOutputs,
    config: EvalConfig,
    compute: ComputeConfig = HERE,
    *,
    progress: FrameProgress | None = None,
) -> StepOutput:
    """Return the scores of one checkpoint as a step output: ``metrics.json`` and ``predictions.json``.

    The number of record is pycocotools' on the label files, in original pixels, boxes clipped to their image.

    Raises:
        CheckpointMismatchError, EvaluationError: if the checkpoint or the labels cannot be used.
        WorkerError: if the cluster cannot be used.
    """
    facts, path = checkpoint_facts(trained, checkpoint), checkpoint_path(store, trained, checkpoint)
    return score_checkpoint(store, path, facts, data, config, compute, progress=progress)


def score_checkpoint(
    store: Store,
    path: Path,
    facts: Mapping[str, Any],
    data: DataOutputs,
    config: EvalConfig,
    compute: ComputeConfig = HERE,
    *,
    progress: FrameProgress | None = None,
) -> StepOutput:
    """Return the scores of any checkpoint as `evaluate` does.

    Args:
        store: holds the data; receives the output.
        path: the checkpoint's folder.
        facts: for the summary; ``digest`` is that of the folder.
        data: what to score on.
        config: of the scoring.
        compute: who detects.
        progress: called with (frames done, all).

    Raises:
        CheckpointMismatchError, EvaluationError: if the checkpoint or the labels cannot be used.
        WorkerError: if the cluster cannot be used.
    """

    def make(folder: Path) -> dict[str, Any]:
        from kittidet.eval.coco import coco_metrics
        from kittidet.eval.coco_format import coco_results

        records = store.read(data.val_records)
        table = read_manifest(records).table
        with (
            dataset_images(store, data.dataset) as images_dir,
            executor_for("evaluate", compute, [folder, path, records, images_dir]) as executor,
        ):
            detections = detect_on_records(path, records, images_dir, config, executor=executor, progress=progress)
        frames = val_frames(store, data.dataset, data.split, table)
        metrics = coco_metrics(frames, detections, table, engine="pycocotools")
        scores = metrics.to_json()
        write_json(folder / "metrics.json", scores)
        write_json(folder / "predictions.json", coco_results(frames, detections, table), indent=None)
        return {**facts, "metrics": scores}

    return store.get_or_make(scores_key(facts["digest"], data, config), make)
