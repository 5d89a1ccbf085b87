"""Which detection is right, for each class and overlap: hotcoco's matching as arrays.

Resampling and confidence curves need every detection's fate, not the averages made of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kittidet.arrays import BoolArray, FloatArray, IntArray
from kittidet.eval.coco import detection_limits, evaluated
from kittidet.eval.coco_format import ResultArray

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
_EVERY_AREA = (0.0, 1e10)


@dataclass(frozen=True, slots=True)
class ClassMatches:
    """Every detection of one class, best first, and every frame's number of labels.

    Attributes:
        name: the class.
        image: ``[n]`` position of each detection's frame among ``image_ids``.
        score: ``[n]`` 0..1, not increasing.
        is_right: ``[10, n]`` whether it has a label of its own at IoU .50, .55, ... .95.
        counts: ``[10, n]`` False where a detection is on an ignored region and counts neither way.
        labels: ``[frames]`` labels of the class in each frame, ignored ones left out.
        row: ``[n]`` position of each detection among the result rows.
    """

    name: str
    image: IntArray
    score: FloatArray
    is_right: BoolArray
    counts: BoolArray
    labels: IntArray
    row: IntArray


@dataclass(frozen=True, slots=True)
class Matches:
    """All classes' matches.

    Attributes:
        image_ids: ``[frames]`` COCO ids, ascending.
        classes: in the order of the class ids.
    """

    image_ids: IntArray
    classes: tuple[ClassMatches, ...]


def match_detections(ground_truth: Mapping[str, Any], results: ResultArray) -> Matches:
    """Return what hotcoco matched, of every detection.

    Args:
        ground_truth: as ``coco_format.coco_ground_truth`` makes it.
        results: as ``coco_format.result_rows`` makes it.
    """
    import hotcoco  # noqa: PLC0415  starts a compiled library

    truth = hotcoco.COCO(dict(ground_truth))
    evaluator = hotcoco.COCOeval(truth, truth.load_res(results), "bbox")
    evaluator = evaluated(evaluator, detection_limits(results), _EVERY_AREA)
    image_ids = np.array(sorted(image["id"] for image in ground_truth["images"]), dtype=np.int64)
    place = {image_id: position for position, image_id in enumerate(image_ids.tolist())}
    by_class: dict[int, list[dict[str, Any]]] = {category["id"]: [] for category in ground_truth["categories"]}
    for item in evaluator.eval_imgs:
        if item is not None:
            by_class[item["category_id"]].append(item)
    names = {category["id"]: category["name"] for category in ground_truth["categories"]}
    return Matches(
        image_ids,
        tuple(_gather(names[i], sorted(by_class[i], key=lambda item: item["image_id"]), place) for i in sorted(names)),
    )


def _gather(name: str, items: list[dict[str, Any]], place: Mapping[int, int]) -> ClassMatches:
    thresholds = len(IOU_THRESHOLDS)
    labels = np.zeros(len(place), dtype=np.int64)
    images, scores, rows = [np.empty(0, np.int64)], [np.empty(0)], [np.empty(0, np.int64)]
    right, ignored = [np.empty((thresholds, 0), bool)], [np.empty((thresholds, 0), bool)]
    for item in items:
        position = place[item["image_id"]]
        labels[position] = sum(not ignore for ignore in item["gtIgnore"])
        n = len(item["dtScores"])
        images.append(np.full(n, position, dtype=np.int64))
        scores.append(np.array(item["dtScores"], dtype=np.float64))
        # The engine numbers the rows from 1.
        rows.append(np.array(item["dtIds"], dtype=np.int64) - 1)
        right.append(np.array(item["dtMatched"], dtype=bool).reshape(thresholds, n))
        ignored.append(np.array(item["dtIgnore"], dtype=bool).reshape(thresholds, n))
    score = np.concatenate(scores)
    # Stable, frames in id order: as both engines sort.
    order = np.argsort(-score, kind="stable")
    is_ignored = np.concatenate(ignored, axis=1)[:, order]
    return ClassMatches(
        name=name,
        image=np.concatenate(images)[order],
        score=score[order],
        is_right=np.concatenate(right, axis=1)[:, order] & ~is_ignored,
        counts=~is_ignored,
        labels=labels,
        row=np.concatenate(rows)[order],
    )
