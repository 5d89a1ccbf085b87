"""The validation set as the steps score on it: the frames with their labels, and what a checkpoint finds in them.

Both the training, after each epoch, and the evaluation of what it kept come here, so that their AP is the same number.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from kittidet.batches import run_batches
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

# Half a minute on a processor, and far more than a message takes; a process loads the network once.
_FRAMES_A_BATCH = 128


@dataclass(frozen=True, slots=True)
class _FrameBatch:
    """Frames of records to detect in, whole batches of the network, so that each is the one of a single process."""

    checkpoint: Path
    records_dir: Path
    images_dir: Path
    config: EvalConfig
    places: range


def detect_on_records(
    checkpoint: Path,
    records_dir: Path,
    images_dir: Path,
    config: EvalConfig,
    *,
    executor: Executor | None = None,
    progress: FrameProgress | None = None,
) -> "Sequence[Detections]":
    """Return what a checkpoint finds in every frame of a folder of records, in original pixels.

    Args:
        checkpoint: a folder.
        records_dir: a folder of records.
        images_dir: the folder of the images that they refer to.
        config: of the scoring.
        executor: does it in parts; its processes must see the three folders. None: this process.
        progress: called with (frames done, all).

    Raises:
        CheckpointMismatchError, ConfigError, RecordError: if the checkpoint or the records cannot be used.
        WorkerError: if the executor is gone.
    """
    if executor is not None:
        frames = read_manifest(records_dir).num_frames
        step = config.batch_size * max(1, _FRAMES_A_BATCH // config.batch_size)
        batches = [
            _FrameBatch(checkpoint, records_dir, images_dir, config, range(start, min(start + step, frames)))
            for start in range(0, frames, step)
        ]
        found: dict[int, Sequence[Detections]] = {}
        for place, detections in run_batches(_detect_batch, batches, executor, doing="detecting"):
            found[place] = detections
            if progress is not None:
                progress(sum(map(len, found.values())), frames)
        return [one for place in range(len(batches)) for one in found[place]]
    from kittidet.detect.warm import warm_detector
    from kittidet.eval.records import predict_records

    with warm_detector(checkpoint) as detector:
        return predict_records(detector, records_dir, config=config, images_dir=images_dir, progress=progress)


def _detect_batch(batch: _FrameBatch) -> "Sequence[Detections]":
    from kittidet.detect.warm import warm_detector
    from kittidet.eval.records import predict_records

    with warm_detector(batch.checkpoint) as detector:
        return predict_records(
            detector, batch.records_dir, config=batch.config, images_dir=batch.images_dir, places=batch.places
        )


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
