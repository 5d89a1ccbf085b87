"""The validation set as the steps score on it: the frames with their labels, and what a checkpoint finds in them.

Both the training, after each epoch, and the evaluation of what it kept come here, so that their AP is the same number.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from kittidet.classes import ClassTable
from kittidet.config import EvalConfig
from kittidet.kitti.tree import open_tree
from kittidet.progress import FrameProgress
from kittidet.records.manifest import read_manifest
from kittidet.steps.fetch import dataset_images, dataset_tree
from kittidet.steps.outputs import DataOutputs
from kittidet.steps.split import split_ids
from kittidet.store import StepOutput, Store

if TYPE_CHECKING:
    from kittidet.eval.coco import CocoMetrics
    from kittidet.frame import Detections, Frame


def detect_on_records(
    checkpoint: Path,
    records_dir: Path,
    images_dir: Path,
    config: EvalConfig,
    *,
    progress: FrameProgress | None = None,
) -> "Sequence[Detections]":
    """Return what a checkpoint finds in every frame of a folder of records, in original pixels.

    Raises:
        CheckpointMismatchError, ConfigError, RecordError: if the checkpoint or the records cannot be used.
    """
    from kittidet.detect.warm import warm_detector
    from kittidet.eval.records import predict_records

    with warm_detector(checkpoint) as detector:
        return predict_records(detector, records_dir, config=config, images_dir=images_dir, progress=progress)


def score_model(store: Store, model: Path, like: Path | None, data: DataOutputs, config: EvalConfig) -> "CocoMetrics":
    """Return the scores of any run, checkpoint or exported model on the validation frames, as `steps.evaluate` does.

    Nothing is kept: what runs an exported model is no part of a step's identity.

    Args:
        store: holds the data.
        model: see `export.opened.load_detector`.
        like: see there.
        data: what to score on.
        config: of the scoring.

    Raises:
        CheckpointMismatchError, ConfigError, ExportError, EvaluationError: if model or labels cannot be used.
    """
    from kittidet.eval.coco import coco_metrics
    from kittidet.eval.records import predict_records
    from kittidet.export.opened import load_detector

    records = store.read(data.val_records)
    with dataset_images(store, data.dataset) as images_dir:
        detector = load_detector(model, like=like)
        detections = predict_records(detector, records, config=config, images_dir=images_dir)
    table = read_manifest(records).table
    return coco_metrics(val_frames(store, data.dataset, data.split, table), detections, table, engine="pycocotools")


def val_frames(store: Store, dataset: StepOutput, split: StepOutput, table: ClassTable) -> "tuple[Frame, ...]":
    """Return the validation frames with their labels, in the split's order; read once while the data are the same."""
    tree = dataset_tree(store, dataset)
    return _load_frames(tree.root, tree.digest(), split_ids(store, split, "val"), table)


@lru_cache(maxsize=1)
def _load_frames(root: Path, content: str, frame_ids: tuple[str, ...], table: ClassTable) -> "tuple[Frame, ...]":
    from kittidet.kitti.frames import load_frame

    del content  # what the frames are remembered by, beside where they are
    tree = open_tree(root)
    return tuple(load_frame(tree, frame_id, table) for frame_id in frame_ids)
