"""The validation set as the steps score on it: the frames with their labels, and what a checkpoint finds in them.

Both the training, after each epoch, and the evaluation of what it kept come here, so that their AP is the same number.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from kittidet.classes import ClassTable
from kittidet.config import EvalConfig
from kittidet.frame import Detections, Frame
from kittidet.kitti.frames import load_frame
from kittidet.kitti.tree import open_tree
from kittidet.progress import FrameProgress
from kittidet.steps.fetch import dataset_tree
from kittidet.steps.split import split_ids
from kittidet.store import StepOutput, Store


def detect_on_records(
    checkpoint: Path,
    records_dir: Path,
    images_dir: Path,
    config: EvalConfig,
    *,
    progress: FrameProgress | None = None,
) -> Sequence[Detections]:
    """Return what a checkpoint finds in every frame of a folder of records, in original pixels.

    Raises:
        CheckpointMismatchError, ConfigError, RecordError: if the checkpoint or the records cannot be used.
    """
    from kittidet.detect.warm import warm_detector  # noqa: PLC0415  loads TensorFlow
    from kittidet.eval.records import predict_records  # noqa: PLC0415  loads TensorFlow

    with warm_detector(checkpoint) as detector:
        return predict_records(detector, records_dir, config=config, images_dir=images_dir, progress=progress)


def val_frames(store: Store, dataset: StepOutput, split: StepOutput, table: ClassTable) -> tuple[Frame, ...]:
    """Return the validation frames with their labels, in the split's order; read once while the data are the same."""
    tree = dataset_tree(store, dataset)
    return _load_frames(tree.root, tree.digest(), split_ids(store, split, "val"), table)


@lru_cache(maxsize=1)
def _load_frames(root: Path, content: str, frame_ids: tuple[str, ...], table: ClassTable) -> tuple[Frame, ...]:
    del content  # what the frames are remembered by, beside where they are
    tree = open_tree(root)
    return tuple(load_frame(tree, frame_id, table) for frame_id in frame_ids)
