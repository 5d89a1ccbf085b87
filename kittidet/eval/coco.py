"""COCO AP and AR: the twelve numbers and AP by class, by pycocotools (the number of record) or hotcoco (45x faster).

Both engines get the same arrays, made from the original-pixel labels. Knows nothing about networks or run folders.

The number of record is plain COCO AP, as published results for KITTI are: DontCare regions are not part of it, so a
detection of an unlabelled object counts as false. ``ignore_dont_care=True`` is a diagnostic that reads higher and is
not comparable with them.
"""

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeAlias

from kittidet.arrays import FloatArray
from kittidet.classes import ClassTable
from kittidet.errors import EvaluationError
from kittidet.eval.coco_format import ResultArray, coco_ground_truth, result_rows
from kittidet.frame import Detections, Frame

Engine: TypeAlias = Literal["pycocotools", "hotcoco"]

# Axis 0 of the engines' precision array: IoU .50, .55, ..., .95.
_IOU_50 = 0
# Axes 3 and 4: all areas, 100 detections.
_ALL_AREAS = 0
_MAX_DETECTIONS = -1


@dataclass(frozen=True, slots=True)
class CocoMetrics:
    """The COCO summary of one set of detections; all values 0..1, None where there is no ground truth to score.

    The first twelve are both engines' summary, in their order.

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
        stats, precision = _run_pycocotools(ground_truth, results)
    elif engine == "hotcoco":
        stats, precision = _run_hotcoco(ground_truth, results)
    else:
        raise ValueError(f"unknown engine {engine!r}: expected pycocotools or hotcoco")
    summary: dict[str, Any] = {
        field.name: None if value < 0 else float(value)
        for field, value in zip(fields(CocoMetrics)[:12], stats, strict=True)
    }
    # precision: [iou, recall, class, area, max detections]; classes in id order, -1 where a class has no object.
    by_class = precision[:, :, :, _ALL_AREAS, _MAX_DETECTIONS]
    order = sorted(names)
    return CocoMetrics(
        **summary,
        per_class_ap={names[i]: mean_scored(by_class[:, :, k]) for k, i in enumerate(order)},
        per_class_ap50={names[i]: mean_scored(by_class[_IOU_50, :, k]) for k, i in enumerate(order)},
        per_class_count=counts,
        n_images=len(ground_truth["images"]),
        n_ground_truth=sum(counts.values()),
        n_detections=len(results),
        engine=engine,
        ignore_dont_care=ignore_dont_care,
    )


def hotcoco_evaluator(ground_truth: Mapping[str, Any], results: ResultArray) -> Any:
    """Return a hotcoco ``COCOeval`` that has matched and accumulated; the diagnosis reads it."""
    import hotcoco  # noqa: PLC0415 (starts a compiled library; scoring by pycocotools does without)

    truth = hotcoco.COCO(dict(ground_truth))
    return evaluated(hotcoco.COCOeval(truth, truth.load_res(results), "bbox"))


def evaluated(evaluator: Any, area_range: Sequence[float] | None = None) -> Any:
    """Return a hotcoco ``COCOeval`` after matching and accumulating.

    Args:
        evaluator: before matching.
        area_range: match over objects of these areas alone, at most 100 detections a frame; None: COCO's own settings.
    """
    if area_range is not None:
        settings = evaluator.params
        settings.area_rng, settings.area_rng_lbl, settings.max_dets = [list(area_range)], ["all"], [100]
    evaluator.evaluate()
    evaluator.accumulate()
    return evaluator


def _run_hotcoco(ground_truth: Mapping[str, Any], results: ResultArray) -> tuple[Sequence[float], FloatArray]:
    evaluator = hotcoco_evaluator(ground_truth, results)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluator.summarize()
    return list(evaluator.stats), evaluator.eval["precision"]


def _run_pycocotools(ground_truth: Mapping[str, Any], results: ResultArray) -> tuple[Sequence[float], FloatArray]:
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
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return list(evaluator.stats), evaluator.eval["precision"]


def mean_scored(precision: FloatArray) -> float | None:
    """Return the mean of an engine's numbers, which are -1 where there is no ground truth; None where all are."""
    scored = precision[precision > -1]
    return float(scored.mean()) if scored.size else None
