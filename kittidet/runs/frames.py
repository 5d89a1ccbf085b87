"""The COCO files of a run as frames and detections, and the frames held equal to the data they came from.

The way back from ``eval.coco_format``. Wrong content raises whatever Python makes of it; `runs.run` names the file.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kittidet.classes import DONT_CARE, ClassTable
from kittidet.errors import DatasetContractError
from kittidet.eval.coco_format import ResultArray, row_boxes
from kittidet.frame import Detections, Frame, KittiObject
from kittidet.kitti.frames import load_frame
from kittidet.kitti.tree import KittiTree


def check_ground_truth(truth: Any) -> dict[str, Any]:
    """Return a COCO data set whose annotations are boxes of its own images and categories.

    Raises:
        ValueError, KeyError, TypeError: if it is none.
    """
    images = {image["id"]: image["frame_id"] for image in truth["images"]}
    classes = {category["id"]: category["name"] for category in truth["categories"]}
    for number, item in enumerate(truth["annotations"]):
        box = item["bbox"]
        good = len(box) == 4 and np.isfinite(box).all() and min(box[2:]) >= 0 and item["iscrowd"] in {0, 1}
        if not good or item["image_id"] not in images or item["category_id"] not in classes:
            raise ValueError(f"annotation {number}: no box of an image and category that are listed: {item}")
    return dict(truth)


def check_results(rows: ResultArray, truth: Mapping[str, Any]) -> ResultArray:
    """Return result rows that are all of images and categories of a ground truth.

    Raises:
        ValueError: naming an id that is not.
    """
    for column, part in ((0, "images"), (6, "categories")):
        strangers = sorted({int(i) for i in rows[:, column]} - {item["id"] for item in truth[part]})
        if strangers:
            raise ValueError(
                f"detections for {len(strangers)} {part} that the ground truth lacks, first {strangers[0]}"
            )
    return rows


def labelled_frames(truth: Mapping[str, Any], table: ClassTable) -> tuple[Frame, ...]:
    """Return the frames of a ground truth: boxes and classes, everything else unknown; image paths are bare names."""
    boxes: dict[Any, list[KittiObject]] = {image["id"]: [] for image in truth["images"]}
    for item in truth["annotations"]:
        left, top, width, height = item["bbox"]
        xyxy, name = (left, top, left + width, top + height), table.name_of(item["category_id"])
        boxes[item["image_id"]].append(
            KittiObject.of_box(DONT_CARE, xyxy, region_of=name) if item["iscrowd"] else KittiObject.of_box(name, xyxy)
        )
    return tuple(
        Frame(
            str(image["frame_id"]),
            Path(image["file_name"]),
            (int(image["width"]), int(image["height"])),
            tuple(boxes[image["id"]]),
        )
        for image in truth["images"]
    )


def with_labels(frames: Sequence[Frame], tree: KittiTree, table: ClassTable) -> tuple[Frame, ...]:
    """Return the frames as a data tree has them, boxes clipped to their image as in scoring.

    Raises:
        DatasetContractError: if the tree lacks one, or has other labels for it.
    """
    known = set(tree.frame_ids)
    missing = [f.frame_id for f in frames if f.frame_id not in known]
    if missing:
        raise DatasetContractError(
            f"{tree.root}: {len(missing)} validation frames of the run are not there: {missing[:5]}. "
            "Name the data the run was made from."
        )
    loaded = tuple(load_frame(tree, frame.frame_id, table).clipped() for frame in frames)
    for ours, theirs in zip(frames, loaded, strict=True):
        # Runs of an earlier version hold boxes that are not clipped.
        (a, a_ids), (b, b_ids) = ours.clipped().labelled(table), theirs.labelled(table)
        if ours.size_wh != theirs.size_wh or a_ids.tolist() != b_ids.tolist() or not np.allclose(a, b, atol=0.01):
            raise DatasetContractError(
                f"{tree.label_path(ours.frame_id)}: other labels than the run was scored on. "
                "Name the data the run was made from."
            )
    return loaded


def frame_detections(rows: ResultArray, truth: Mapping[str, Any]) -> tuple[Detections, ...]:
    """Return result rows as one record a frame, in the order of the ground truth's images, the best first.

    Args:
        rows: ``[n, 7]``, as ``eval.coco_format.result_rows`` makes them.
        truth: names the frames.
    """
    found = []
    ordered = rows[np.lexsort((-rows[:, 5], rows[:, 0]))]
    ids = [image["id"] for image in truth["images"]]
    starts = np.searchsorted(ordered[:, 0], ids, side="left")
    ends = np.searchsorted(ordered[:, 0], ids, side="right")
    for image, start, end in zip(truth["images"], starts, ends, strict=True):
        mine = ordered[start:end]
        boxes, scores, classes = row_boxes(mine), mine[:, 5], mine[:, 6]
        found.append(
            Detections(
                str(image["frame_id"]),
                boxes.astype(np.float32),
                scores.astype(np.float32),
                classes.astype(np.int32),
            )
        )
    return tuple(found)
