"""Frames and detections as COCO dictionaries and arrays: what pycocotools, hotcoco and ``predictions.json`` read.

Boxes leave ``xyxy`` here and in ``coco_document`` for COCO's ``x, y, width, height``; elsewhere only files of that
format hold that order (``convert.coco``). Knows nothing about scores or files of a run.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kittidet.arrays import BoolArray, FloatArray
from kittidet.classes import ClassTable
from kittidet.coco_document import coco_annotation, coco_categories, coco_image
from kittidet.errors import EvaluationError
from kittidet.frame import Detections, Frame

# Columns of a result array: image id, x, y, width, height, score, category id. Both engines accept this layout.
RESULT_COLUMNS = 7
ResultArray = FloatArray


def image_ids(frame_ids: Sequence[str]) -> dict[str, int]:
    """Return a COCO image id for each frame: the frame's own number, or 1, 2, ... where ids are not all numbers.

    Raises:
        EvaluationError: naming the frames that are there twice.
    """
    repeated = sorted(name for name, count in Counter(frame_ids).items() if count > 1)
    if repeated:
        raise EvaluationError(
            f"{len(repeated)} frames are there more than once: {_some(repeated)}. Each frame may be scored once; "
            "remove the repeats."
        )
    if all(name.isascii() and name.isdigit() for name in frame_ids):
        numbered = {name: int(name) for name in frame_ids}
        if len(set(numbered.values())) == len(numbered):
            return numbered
    return {name: position for position, name in enumerate(frame_ids, start=1)}


def coco_ground_truth(frames: Sequence[Frame], table: ClassTable, *, ignore_dont_care: bool = False) -> dict[str, Any]:
    """Return the frames' labels as a COCO data set with the table's ids, in pixels of the original images.

    Boxes are clipped to their image, as records and detections are: what a detector learns is what it is scored on.

    Args:
        frames: the frames to score on, also those without objects.
        table: names the categories; types it leaves out are left out here.
        ignore_dont_care: also write each DontCare region as an ``iscrowd`` box of every class. COCO tools then
            ignore a detection inside one, which plain COCO AP does not.

    Returns:
        ``images`` (``id``, ``file_name``, ``frame_id``, ``width``, ``height``), ``annotations`` (ids from 1: both
        engines read id 0 as "unmatched") and ``categories``.

    Raises:
        EvaluationError: on repeated frames.
    """
    ids = image_ids([frame.frame_id for frame in frames])
    images = []
    annotations: list[dict[str, Any]] = []
    for frame in frames:
        image_id = ids[frame.frame_id]
        images.append(coco_image(image_id, frame.frame_id, frame.image_path.name, frame.size_wh))
        for item in frame.clipped().objects:
            class_id = table.id_of(item.type)
            if class_id is not None:
                annotations.append(coco_annotation(image_id, class_id, item.xyxy))
            elif item.is_dont_care and ignore_dont_care:
                annotations += [coco_annotation(image_id, i, item.xyxy, crowd=True) for i in range(1, len(table) + 1)]
    for number, annotation in enumerate(annotations, start=1):
        annotation["id"] = number
    return {"images": images, "annotations": annotations, "categories": coco_categories(table)}


def result_rows(detections: Sequence[Detections], ids: Mapping[str, int], table: ClassTable) -> ResultArray:
    """Return detections as rows ``[n, 7]``: image id, x, y, width, height (pixels), score, category id.

    Args:
        detections: at most one record a frame; frames without one simply have no detections.
        ids: frame id -> image id, of all frames that are scored.
        table: the class table the detections' ids belong to.

    Raises:
        EvaluationError: on a frame that is not scored or comes twice, a box that is inverted or not finite, a score
            that is not finite, or a class id outside of the table; the message names frame and row.
    """
    unknown = sorted({d.frame_id for d in detections} - set(ids))
    if unknown:
        raise EvaluationError(
            f"detections for {len(unknown)} frames that have no ground truth: {_some(unknown)}. "
            f"Expected frames of the {len(ids)} that are scored; were these made on another split?"
        )
    image_ids([d.frame_id for d in detections])
    if not detections:
        return np.empty((0, RESULT_COLUMNS))
    xyxy = np.concatenate([found.xyxy for found in detections])
    rows = np.empty((len(xyxy), RESULT_COLUMNS))
    rows[:, 0] = np.repeat([ids[found.frame_id] for found in detections], [len(found) for found in detections])
    rows[:, 1:3] = xyxy[:, :2]
    rows[:, 3:5] = xyxy[:, 2:].astype(np.float64) - xyxy[:, :2]
    rows[:, 5] = np.concatenate([found.scores for found in detections])
    rows[:, 6] = np.concatenate([found.class_ids for found in detections])
    if not _are_good(xyxy, rows[:, 5], rows[:, 6], table).all():
        for found in detections:
            _check_detections(found, table)
    return rows


def coco_results(frames: Sequence[Frame], detections: Sequence[Detections], table: ClassTable) -> list[dict[str, Any]]:
    """Return detections as COCO's result list (``image_id``, ``category_id``, ``bbox``, ``score``), JSON types only.

    Args:
        frames: every frame that is scored; they give the image ids, the same as in ``coco_ground_truth``.
        detections: at most one record a frame.
        table: the class table the detections' ids belong to.

    Raises:
        EvaluationError: as ``result_rows``.
    """
    rows = result_rows(detections, image_ids([frame.frame_id for frame in frames]), table)
    return [
        {"image_id": int(row[0]), "category_id": int(row[6]), "bbox": row[1:5], "score": row[5]}
        for row in rows.tolist()
    ]


def rows_from_results(items: Sequence[Mapping[str, Any]], *, where: str) -> ResultArray:
    """Return COCO's result list as rows; the inverse of ``coco_results``.

    Raises:
        EvaluationError: naming ``where`` and the entry that is not a result.
    """
    if not isinstance(items, list):
        raise EvaluationError(f"{where}: expected a list of COCO results, got {type(items).__name__}.")
    rows = np.empty((len(items), RESULT_COLUMNS))
    for number, item in enumerate(items):
        try:
            rows[number] = (item["image_id"], *item["bbox"], item["score"], item["category_id"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise EvaluationError(
                f"{where}: entry {number}: expected image_id, category_id, bbox [x, y, width, height] and score, "
                f"all numbers, got {str(item)[:200]}."
            ) from error
    wrong = np.flatnonzero(~np.isfinite(rows).all(axis=1) | (rows[:, 3:5] < 0).any(axis=1))
    if wrong.size:
        raise EvaluationError(
            f"{where}: entry {wrong[0]}: expected finite numbers, width and height >= 0, got {items[wrong[0]]} "
            f"({wrong.size} such entries)."
        )
    return rows


def row_boxes(rows: ResultArray) -> FloatArray:
    """Return the boxes ``[n, 4]`` of result rows as ``xyxy`` pixels."""
    return np.concatenate([rows[:, 1:3], rows[:, 1:3] + rows[:, 3:5]], axis=1)


def _are_good(xyxy: FloatArray, scores: FloatArray, class_ids: npt.NDArray[Any], table: ClassTable) -> BoolArray:
    return (
        np.isfinite(xyxy).all(axis=1)
        & np.isfinite(scores)
        & (xyxy[:, 2:] >= xyxy[:, :2]).all(axis=1)
        & (class_ids >= 1)
        & (class_ids <= len(table))
    )


def _check_detections(found: Detections, table: ClassTable) -> None:
    good = _are_good(found.xyxy, found.scores, found.class_ids, table)
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise EvaluationError(
            f"frame {found.frame_id}, detection {row}: expected a finite box with right >= left and bottom >= top, "
            f"a finite score and a class id in 1..{len(table)}, got box {found.xyxy[row].tolist()}, "
            f"score {found.scores[row]}, class {found.class_ids[row]} ({int((~good).sum())} such rows in the frame)."
        )


def _some(names: Sequence[str], limit: int = 5) -> str:
    return ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")
