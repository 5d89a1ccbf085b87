"""COCO AP and AR: the twelve numbers and AP by class, by pycocotools (the number of record) or hotcoco (45x faster).

Both engines get the same arrays, made from the original-pixel labels. Knows nothing about networks or run folders.

The number of record is plain COCO AP, as published results for KITTI are: DontCare regions are not part of it, so a
detection of an unlabelled object counts as false. ``ignore_dont_care=True`` is a diagnostic that reads higher and is
not comparable with them. Regions of one class, COCO's crowds, are part of it by COCO's own rule. Every detection that
is given is scored: where a frame has more than COCO's 100 of a class, AP goes beyond the 100 and stands beside the one
that stops there.
"""

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from kittidet.arrays import FloatArray
from kittidet.classes import ClassTable
from kittidet.errors import EvaluationError
from kittidet.eval.coco_format import ResultArray, coco_ground_truth, result_rows
from kittidet.frame import Detections, Frame

Engine: TypeAlias = Literal["pycocotools", "hotcoco"]

# COCO's own limits of detections of a class in a frame; published AP is at the last.
COCO_LIMITS = (1, 10, 100)
# Axis 0 of the engines' precision [iou, recall, class, area, limit] and recall [iou, class, area, limit]: .50, .55, ...
_IOU_50, _IOU_75 = 0, 5
_ALL = 0
_SIZES = {"small": 1, "medium": 2, "large": 3}
# The last limit is at least 100; COCO's 100 itself is the third.
_MOST, _HUNDRED = -1, 2


@dataclass(frozen=True, slots=True)
class CocoMetrics:
    """The COCO summary of one set of detections; all values 0..1, None where there is no ground truth to score.

    The first twelve are COCO's summary, in its order.

    Attributes:
        ap: mean over classes and IoU .50:.95.
        ap50: at IoU .50.
        ap75: at IoU .75.
        ap_small: objects below 32 x 32 pixels.
        ap_medium: 32 x 32 to 96 x 96 pixels.
        ap_large: above.
        ar_1: average recall with one detection an image.
        ar_10: with ten.
        ar_100: with a hundred.
        ar_small: average recall of small objects, hundred detections.
        ar_medium: of medium ones.
        ar_large: of large ones.
        per_class_ap: class name -> AP, None for a class without ground truth.
        per_class_ap50: class name -> AP at IoU .50.
        per_class_count: class name -> labelled objects.
        n_images: frames scored, those without detections and without objects included.
        n_ground_truth: labelled objects scored.
        n_detections: detections given.
        max_detections: of a class in a frame, best first, that AP counts: COCO's 100, or all where there are more.
        ap_at_100: AP by COCO's own limit; ``ap``, unless ``max_detections`` is more.
        engine: what computed this.
        ignore_dont_care: whether DontCare regions were left out; False in every comparable number.
    """

    ap: float
    ap50: float
    ap75: float
    ap_small: float | None
    ap_medium: float | None
    ap_large: float | None
    ar_1: float
    ar_10: float
    ar_100: float
    ar_small: float | None
    ar_medium: float | None
    ar_large: float | None
    per_class_ap: Mapping[str, float | None]
    per_class_ap50: Mapping[str, float | None]
    per_class_count: Mapping[str, int]
    n_images: int
    n_ground_truth: int
    n_detections: int
    max_detections: int
    ap_at_100: float
    engine: str
    ignore_dont_care: bool

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON types, keyed by attribute."""
        return asdict(self)


def coco_metrics(
    frames: Sequence[Frame],
    detections: Sequence[Detections],
    table: ClassTable,
    *,
    engine: Engine,
    ignore_dont_care: bool = False,
) -> CocoMetrics:
    """Return COCO metrics of detections against the frames' original-pixel labels.

    Args:
        frames: every frame that is scored.
        detections: at most one record a frame, boxes in original pixels.
        table: the class table of both.
        engine: ``pycocotools`` for the number of record, ``hotcoco`` for speed; equal within 1e-9.
        ignore_dont_care: count a detection inside a DontCare region neither way. Not comparable with published AP.

    Raises:
        EvaluationError: without any labelled object, on repeated or unknown frames, on boxes or scores that are no
            numbers.
    """
    ground_truth = coco_ground_truth(frames, table, ignore_dont_care=ignore_dont_care)
    ids = {image["frame_id"]: image["id"] for image in ground_truth["images"]}
    results = result_rows(detections, ids, table)
    return score_coco(ground_truth, results, engine=engine, ignore_dont_care=ignore_dont_care)


def score_coco(
    ground_truth: Mapping[str, Any], results: ResultArray, *, engine: Engine, ignore_dont_care: bool = False
) -> CocoMetrics:
    """Return COCO metrics of result rows against a COCO data set.

    Args:
        ground_truth: as ``coco_ground_truth`` makes it.
        results: as ``result_rows`` makes it.
        engine: see ``coco_metrics``.
        ignore_dont_care: recorded in the answer; the regions themselves are part of ``ground_truth``.

    Raises:
        EvaluationError: if there is nothing to score against.
        ValueError: on an unknown engine.
    """
    counts = {category["name"]: 0 for category in ground_truth["categories"]}
    names = {category["id"]: category["name"] for category in ground_truth["categories"]}
    for annotation in ground_truth["annotations"]:
        counts[names[annotation["category_id"]]] += not annotation["iscrowd"]
    if not sum(counts.values()):
        raise EvaluationError(
            f"no ground truth: {len(ground_truth['images'])} frames hold no object of the classes "
            f"{', '.join(counts)}. Check the label folder, the split and `records.classes`."
        )
    if engine == "pycocotools":
        scored = _run_pycocotools(ground_truth, results)
    elif engine == "hotcoco":
        scored = hotcoco_evaluator(ground_truth, results).eval
    else:
        raise ValueError(f"unknown engine {engine!r}: expected pycocotools or hotcoco")
    # precision: [iou, recall, class, area, limit], recall: [iou, class, area, limit]; classes in id order.
    precision, recall = (np.asarray(scored[name]) for name in ("precision", "recall"))
    by_class = precision[:, :, :, _ALL, _MOST]
    order = sorted(names)
    averaged = {
        "ap": by_class,
        "ap50": by_class[_IOU_50],
        "ap75": by_class[_IOU_75],
        **{f"ap_{name}": precision[:, :, :, area, _MOST] for name, area in _SIZES.items()},
        **{f"ar_{limit}": recall[:, :, _ALL, k] for k, limit in enumerate(COCO_LIMITS)},
        **{f"ar_{name}": recall[:, :, area, _HUNDRED] for name, area in _SIZES.items()},
        "ap_at_100": precision[:, :, :, _ALL, _HUNDRED],
    }
    summary: dict[str, Any] = {name: mean_scored(values) for name, values in averaged.items()}
    return CocoMetrics(
        **summary,
        per_class_ap={names[i]: mean_scored(by_class[:, :, k]) for k, i in enumerate(order)},
        per_class_ap50={names[i]: mean_scored(by_class[_IOU_50, :, k]) for k, i in enumerate(order)},
        per_class_count=counts,
        n_images=len(ground_truth["images"]),
        n_ground_truth=sum(counts.values()),
        n_detections=len(results),
        max_detections=detection_limits(results)[_MOST],
        engine=engine,
        ignore_dont_care=ignore_dont_care,
    )


def detection_limits(results: ResultArray) -> list[int]:
    """Return how many detections of a class in a frame are counted, best first: COCO's 1, 10, 100, then all if more."""
    # As one complex number a row: a fifteenth of the time that pairs take to sort.
    _, counts = np.unique(results[:, 0] + 1j * results[:, 6], return_counts=True)
    most = int(counts.max(initial=0))
    return [*COCO_LIMITS, *([most] if most > COCO_LIMITS[_HUNDRED] else [])]


def hotcoco_evaluator(ground_truth: Mapping[str, Any], results: ResultArray) -> Any:
    """Return a hotcoco ``COCOeval`` that has matched and accumulated; the diagnosis reads it."""
    import hotcoco  # noqa: PLC0415 (starts a compiled library; scoring by pycocotools does without)

    truth = hotcoco.COCO(dict(ground_truth))
    return evaluated(hotcoco.COCOeval(truth, truth.load_res(results), "bbox"), detection_limits(results))


def evaluated(evaluator: Any, limits: Sequence[int], area_range: Sequence[float] | None = None) -> Any:
    """Return a hotcoco ``COCOeval`` after matching and accumulating.

    Args:
        evaluator: before matching.
        limits: see `detection_limits`.
        area_range: match over objects of these areas alone, by the last limit alone; None: COCO's own areas.
    """
    settings = evaluator.params
    settings.max_dets = list(limits)
    if area_range is not None:
        settings.area_rng, settings.area_rng_lbl, settings.max_dets = [list(area_range)], ["all"], [limits[_MOST]]
    evaluator.evaluate()
    evaluator.accumulate()
    return evaluator


def _run_pycocotools(ground_truth: Mapping[str, Any], results: ResultArray) -> Mapping[str, Any]:
    from pycocotools.coco import COCO  # noqa: PLC0415 (imports matplotlib)
    from pycocotools.cocoeval import COCOeval  # noqa: PLC0415

    # Indexed by hand: `loadRes` fails on an empty list, and each step reports to stdout.
    found = [
        {
            "id": number,
            "image_id": int(row[0]),
            "category_id": int(row[6]),
            "bbox": row[1:5],
            "area": row[3] * row[4],
            "iscrowd": 0,
            "score": row[5],
        }
        for number, row in enumerate(results.tolist(), start=1)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth, detected = COCO(), COCO()
        # A copy: evaluation writes `ignore` marks into the annotations.
        truth.dataset = {**ground_truth, "annotations": [dict(item) for item in ground_truth["annotations"]]}
        detected.dataset = {**ground_truth, "annotations": found}
        truth.createIndex()
        detected.createIndex()
        evaluator = COCOeval(truth, detected, "bbox")
        # The averages are taken here: `summarize` asks for a limit of exactly 100.
        evaluator.params.maxDets = detection_limits(results)
        evaluator.evaluate()
        evaluator.accumulate()
    return evaluator.eval


def mean_scored(precision: FloatArray) -> float | None:
    """Return the mean of an engine's numbers, which are -1 where there is no ground truth; None where all are."""
    scored = precision[precision > -1]
    return float(scored.mean()) if scored.size else None
