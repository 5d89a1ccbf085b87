"""Step 6, evaluate: one checkpoint on the validation frames, scored against their original labels."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from kittidet.classes import ClassTable
from kittidet.config import EvalConfig
from kittidet.eval.coco import coco_metrics
from kittidet.eval.coco_format import coco_results
from kittidet.files import write_json
from kittidet.frame import Frame
from kittidet.kitti.frames import load_frame
from kittidet.kitti.tree import open_tree
from kittidet.progress import FrameProgress
from kittidet.steps.fetch import dataset_tree
from kittidet.steps.outputs import DataOutputs
from kittidet.steps.split import split_ids
from kittidet.steps.train import checkpoint_path
from kittidet.store import StepKey, StepOutput, Store, step_key

VERSION = 4


def checkpoint_facts(trained: StepOutput, name: str) -> dict[str, Any]:
    """Return name, step, epoch and digest of one checkpoint of a training."""
    return next(c for c in trained.summary["checkpoints"] if c["name"] == name)


def evaluate_key(trained: StepOutput, checkpoint: str, data: DataOutputs, config: EvalConfig) -> StepKey:
    """Return the identity of an evaluation: the checkpoint's bytes, the validation records, the scoring."""
    return step_key(
        "evaluate",
        VERSION,
        checkpoint=checkpoint_facts(trained, checkpoint)["digest"],
        records=data.val_records.summary["records_digest"],
        config=config,
    )


def evaluate(
    store: Store,
    trained: StepOutput,
    checkpoint: str,
    data: DataOutputs,
    config: EvalConfig,
    *,
    progress: FrameProgress | None = None,
) -> StepOutput:
    """Return the scores of one checkpoint as a step output: ``metrics.json`` and ``predictions.json``.

    The number of record is pycocotools' on the label files, in original pixels, boxes clipped to their image.

    Raises:
        CheckpointMismatchError, EvaluationError: if the checkpoint or the labels cannot be used.
    """

    def make(folder: Path) -> dict[str, Any]:
        from kittidet.detect.warm import warm_detector  # noqa: PLC0415  loads TensorFlow
        from kittidet.eval.records import predict_records  # noqa: PLC0415  loads TensorFlow

        with warm_detector(checkpoint_path(store, trained, checkpoint)) as detector:
            table = detector.table
            detections = predict_records(detector, store.path(data.val_records), config=config, progress=progress)
        frames = val_frames(store, data.dataset, data.split, table)
        metrics = coco_metrics(frames, detections, table, engine="pycocotools")
        scores = metrics.to_json()
        write_json(folder / "metrics.json", scores)
        write_json(folder / "predictions.json", coco_results(frames, detections, table), indent=None)
        return {**checkpoint_facts(trained, checkpoint), "metrics": scores}

    return store.get_or_make(evaluate_key(trained, checkpoint, data, config), make)


def val_frames(store: Store, dataset: StepOutput, split: StepOutput, table: ClassTable) -> tuple[Frame, ...]:
    """Return the validation frames with their labels, in the split's order; read once while the data are the same."""
    tree = dataset_tree(store, dataset)
    return _load_frames(tree.root, tree.digest(), split_ids(store, split, "val"), table)


@lru_cache(maxsize=1)
def _load_frames(root: Path, content: str, frame_ids: tuple[str, ...], table: ClassTable) -> tuple[Frame, ...]:
    del content  # what the frames are remembered by, beside where they are
    tree = open_tree(root)
    return tuple(load_frame(tree, frame_id, table) for frame_id in frame_ids)
