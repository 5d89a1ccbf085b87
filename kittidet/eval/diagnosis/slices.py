"""AP by how far, how tall, how hidden and how cut off the objects are.

As with COCO's object sizes, objects outside of a slice are ignored: a detection on one counts neither way. What a
detection of nothing counts for differs: its height is known, so it counts in its own slice of height; its distance,
occlusion and truncation are not, so it counts in every slice of them, as in the KITTI protocol's levels. Slices of
few objects therefore read lower; compare runs on a slice, not slices of a run.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kittidet.classes import ClassTable
from kittidet.eval.coco import detection_limits, evaluated, mean_scored
from kittidet.eval.coco_format import ResultArray, scored_rows
from kittidet.frame import Frame, KittiObject

# KITTI's lidar labels end near 80 m, most within 40; the devkit's levels cut at 25 and 40 px and at .15, .3 and .5.
DISTANCE_M = (0.0, 10.0, 20.0, 30.0, 40.0, 60.0, math.inf)
HEIGHT_PX = (0.0, 25.0, 40.0, 80.0, 160.0, math.inf)
TRUNCATED = (0.0, 0.15, 0.30, 0.50, math.inf)
OCCLUDED = (0.0, 1.0, 2.0, 3.0, 4.0)

_NO_SLICE = 1e9


@dataclass(frozen=True, slots=True)
class SliceAp:
    """AP of the objects of one slice.

    Attributes:
        attribute: ``distance_m``, ``height_px``, ``occluded`` or ``truncated``.
        low: objects have this or more.
        high: and less than this; infinite in the last slice.
        objects: labelled ones in the slice.
        ap: mean over classes that have objects in it, 0..1; None without objects.
        ap50: at IoU .5.
        recall50: share of the slice's objects that are found at IoU .5 at any score, mean over classes.
    """

    attribute: str
    low: float
    high: float
    objects: int
    ap: float | None
    ap50: float | None
    recall50: float | None


def ap_by_slice(
    frames: Sequence[Frame], ground_truth: Mapping[str, Any], results: ResultArray, table: ClassTable
) -> tuple[SliceAp, ...]:
    """Return AP by distance, height, occlusion and truncation.

    Args:
        frames: with full label rows; objects whose distance or truncation is unknown belong to no slice of it.
        ground_truth: of these frames, as ``coco_format.coco_ground_truth`` makes it.
        results: detections of these frames, as ``coco_format.result_rows`` makes them.
        table: the class table of both.
    """
    objects = [item for frame in frames for item, _ in scored_rows(frame, table)]
    attributes: Mapping[str, tuple[tuple[float, ...], Callable[[KittiObject], float]]] = {
        "distance_m": (DISTANCE_M, lambda o: o.location_xyz[2]),
        "height_px": (HEIGHT_PX, lambda o: o.xyxy[3] - o.xyxy[1]),
        "occluded": (OCCLUDED, lambda o: float(o.occlusion_state)),
        "truncated": (TRUNCATED, lambda o: o.truncated),
    }
    found: list[SliceAp] = []
    for name, (edges, value_of) in attributes.items():
        # A region is in no slice.
        places = _slice_numbers([math.nan if o.is_dont_care else value_of(o) for o in objects], edges)
        heights = _slice_numbers(results[:, 4].tolist(), edges) if name == "height_px" else None
        found += [
            _score_slice(ground_truth, results, places, heights, number, (name, edges[number], edges[number + 1]))
            for number in range(len(edges) - 1)
        ]
    return tuple(found)


def _slice_numbers(values: Sequence[float], edges: tuple[float, ...]) -> list[float]:
    """Return the slice each value falls in, as a number the engine can hold; far off for none."""
    places = np.searchsorted(edges, values, side="right") - 1
    inside = (places >= 0) & (places < len(edges) - 1)
    return np.where(inside, places, _NO_SLICE).astype(float).tolist()


def _score_slice(
    truth: Mapping[str, Any],
    results: ResultArray,
    label_places: Sequence[float],
    found_places: Sequence[float] | None,
    number: int,
    facts: tuple[str, float, float],
) -> SliceAp:
    import hotcoco  # noqa: PLC0415  starts a compiled library

    objects = sum(place == number for place in label_places)
    if not objects:
        return SliceAp(*facts, objects=0, ap=None, ap50=None, recall50=None)
    # The engine ignores what is outside an area range; here "area" is the number of the slice.
    annotations = [{**item, "area": place} for item, place in zip(truth["annotations"], label_places, strict=True)]
    labels = hotcoco.COCO({**truth, "annotations": annotations})
    detections = labels.load_res(results)
    places = [float(number)] * len(results) if found_places is None else list(found_places)
    if places:
        detections.update_anns(ids=np.arange(1, len(results) + 1), area=np.array(places))
    evaluator = hotcoco.COCOeval(labels, detections, "bbox")
    scores = evaluated(evaluator, detection_limits(results), (number - 0.25, number + 0.25)).eval
    precision, recall = scores["precision"], scores["recall"]  # [iou, recall, class, 1, 1] and [iou, class, 1, 1]
    ap, ap50, recall50 = (mean_scored(values) for values in (precision, precision[0], recall[0]))
    return SliceAp(*facts, objects=objects, ap=ap, ap50=ap50, recall50=recall50)
