"""Pictures of a run: a few frames with their labels, and with what the picked checkpoint found in them."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from kittidet.classes import ClassTable
from kittidet.drawing import draw_frame, draw_gallery
from kittidet.eval.coco_format import image_ids, rows_from_results
from kittidet.frame import Detections, Frame
from kittidet.kitti.frames import load_frame
from kittidet.steps.evaluate import val_frames
from kittidet.steps.fetch import dataset_tree
from kittidet.steps.split import Side, split_ids
from kittidet.store import StepOutput

FRAMES = 8
COLUMNS = 2
WIDTH_PX = 1600
# Weaker detections are scored but would hide the picture under boxes.
SHOWN_SCORE = 0.3


def label_gallery(dataset: StepOutput, split: StepOutput, side: Side, table: ClassTable) -> Image.Image:
    """Return the first frames of a side with their labels."""
    tree = dataset_tree(dataset)
    frames = [load_frame(tree, frame_id) for frame_id in split_ids(split, side)[:FRAMES]]
    return _gallery([(frame, None) for frame in frames], table)


def prediction_gallery(
    dataset: StepOutput, split: StepOutput, predictions_path: Path, table: ClassTable
) -> Image.Image:
    """Return the first validation frames with their labels (dashed) and detections (solid).

    Args:
        dataset: the data set's output.
        split: the split's output.
        predictions_path: ``predictions.json`` of a checkpoint, scored on this split.
        table: the class table of the detections.

    Raises:
        EvaluationError: if the file holds no COCO results.
    """
    frames = val_frames(dataset, split)
    ids = image_ids([frame.frame_id for frame in frames])
    rows = rows_from_results(json.loads(predictions_path.read_text(encoding="utf-8")), where=str(predictions_path))
    shown: list[tuple[Frame, Detections | None]] = []
    for frame in frames[:FRAMES]:
        own = rows[rows[:, 0] == ids[frame.frame_id]]
        xyxy = np.concatenate([own[:, 1:3], own[:, 1:3] + own[:, 3:5]], axis=1).astype(np.float32)
        found = Detections(frame.frame_id, xyxy, own[:, 5].astype(np.float32), own[:, 6].astype(np.int32))
        shown.append((frame, found))
    return _gallery(shown, table)


def _gallery(items: list[tuple[Frame, Detections | None]], table: ClassTable) -> Image.Image:
    drawn = []
    for frame, found in items:
        with Image.open(frame.image_path) as image:
            picture = draw_frame(image, objects=frame.objects, detections=found, table=table, min_score=SHOWN_SCORE)
        drawn.append((frame.frame_id, picture))
    return draw_gallery(drawn, columns=min(COLUMNS, len(drawn)), width=WIDTH_PX)
