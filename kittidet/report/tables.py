"""The page's tables of scores and mistakes, as plain dictionaries of what the template shows."""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from kittidet.drawing import class_colours
from kittidet.eval.diagnosis import THRESHOLDS, LabelError, ScoreCurves, SliceAp, TideError
from kittidet.eval.kitti_protocol import OFFICIAL_OVERLAP, ClassAp
from kittidet.eval.score_text import limit_text
from kittidet.report.measures import Measures
from kittidet.report.style import plot_colours
from kittidet.runs.run import Run

_OCCLUSION = ("fully visible", "partly occluded", "largely occluded", "unknown")
_SLICES = {
    "distance_m": ("distance", "m"),
    "height_px": ("height", "px"),
    "occluded": ("occlusion", ""),
    "truncated": ("truncation", ""),
}


def tiles(run: Run, measures: Measures, beside: Sequence[dict[str, str]] = ()) -> list[dict[str, str]]:
    """Return the headline numbers: AP, what stands ``beside`` it, AP50 and AP75, KITTI Car if known, the best step."""
    intervals = measures.intervals
    found = [
        {"value": number(run.summary[key], 3), "label": f"{label}, {between(interval, 3)}"}
        for key, label, interval in (
            ("ap", "COCO AP", intervals.ap),
            ("ap50", "AP50", intervals.ap50),
            ("ap75", "AP75", intervals.ap75),
        )
    ]
    found[1:1] = beside
    car = measures.kitti.official.get("Car") if measures.kitti is not None else None
    if car is not None and car.r40[1] is not None:
        own = measures.kitti.scored_on.get("Car") if measures.kitti is not None else None
        scored = f" (scored on {own} detections)" if own else ""
        sure = "" if car.intervals is None else f", {between(car.intervals.r40[1], 1)}"
        found.append({"value": number(car.r40[1], 1), "label": f"KITTI Car{scored}, moderate, R40{sure}"})
    return [*found, {"value": f"{run.summary['best_step']:,}", "label": f"step, epoch {run.summary['best_epoch']}"}]


def coco_table(run: Run, measures: Measures) -> dict[str, Any]:
    """Return COCO AP in all, by class and by size."""
    coco = measures.coco
    colours, bright = plot_colours(run.table), class_colours(run.table)
    return {
        # The number of record is the one the checkpoint was picked by.
        **{key: run.summary[key] for key in ("ap", "ap50", "ap75")},
        "limit": limit_text(coco.to_json()),
        "interval": between(measures.intervals.ap, 2),
        "confidence": f"{measures.intervals.confidence:.0%}",
        "n_images": f"{coco.n_images:,}",
        "n_ground_truth": f"{coco.n_ground_truth:,}",
        "classes": [
            {
                "name": name,
                "ap": run.summary["per_class_ap"][name],
                "ap50": run.summary["per_class_ap50"][name],
                "interval": between(measures.intervals.per_class_ap[name], 2),
                "count": f"{coco.per_class_count[name]:,}",
                "colour": colours[name],
                "bright": bright[name],
            }
            for name in run.table.names
        ],
        "sizes": [
            {"name": "AP", "numbers": (coco.ap, coco.ap_small, coco.ap_medium, coco.ap_large)},
            {"name": "AR, 100 boxes", "numbers": (coco.ar_100, coco.ar_small, coco.ar_medium, coco.ar_large)},
        ],
    }


def kitti_table(run: Run, measures: Measures) -> list[dict[str, Any]] | None:
    """Return official AP, R40 then R11, by class, those not scored with the reason; None where there are no scores.

    Where the order-free rule gives another AP, ``order_free`` is its numbers, each with its difference.
    """
    if measures.kitti is None:
        return None
    colours, kitti = plot_colours(run.table), measures.kitti
    moved = {name: [*r40, *r11] for name, (r40, r11) in kitti.order_free_differences().items()}
    return [
        {
            "name": f"{name} (scored on {own} detections)" if own else name,
            "colour": colours.get(own or name, "#888888"),
            "iou": OFFICIAL_OVERLAP[name],
            "objects": "" if score is None else " / ".join(f"{n:,}" for n in score.objects),
            "numbers": () if score is None else (*score.r40, *score.r11),
            "intervals": [] if score is None else _intervals(score),
            "not_scored": kitti.not_scored.get(name),
            "order_free": _order_free((kitti.order_free or {}).get(name), moved.get(name, [])),
        }
        for name, score, own in ((n, kitti.official.get(n), kitti.scored_on.get(n)) for n in OFFICIAL_OVERLAP)
    ]


def _intervals(score: ClassAp) -> list[str]:
    """Return the interval of each number as text; empty if none was asked for, or no object counts."""
    if score.intervals is None or not score.objects[-1]:
        return []
    return [between(one, 1) for one in (*score.intervals.r40, *score.intervals.r11)]


def _order_free(score: ClassAp | None, moved: Sequence[float | None]) -> list[str]:
    """Return AP by the order-free rule as text, each number with its difference from the devkit's; empty if equal."""
    if score is None or not any(moved):
        return []
    numbers = zip((*score.r40, *score.r11), moved, strict=True)
    return [number(value, 2) + ("" if by is None else f" ({by:+.2f})") for value, by in numbers]


def tide_table(errors: Sequence[TideError]) -> dict[str, Any]:
    """Return the kinds of error, the costliest first."""
    ordered = sorted(errors, key=lambda e: -e.lost_ap50)
    return {
        "title": "What costs AP50",
        "header": ("error", "count", "AP50 if fixed"),
        "rows": [(e.meaning, f"{e.count:,}", f"+{e.lost_ap50:.3f}") for e in ordered],
        "note": "TIDE error types, over all scores: how much AP50 would rise if all errors of one type were fixed.",
    }


def threshold_table(curves: Mapping[str, ScoreCurves]) -> dict[str, Any]:
    """Return each class's best threshold and what it gives: an application may use one for each class."""
    return {
        "title": "Best threshold by class",
        "header": ("class", "score", "F1", "precision", "recall"),
        "rows": [
            # Where nothing is found at any score, no score is best.
            (name, number(c.best_threshold, 3), *(number(v, 2) for v in (c.best_f1, *_at_best(c))))
            if c.best_f1 > 0
            else (name, "none", number(0, 2), "", "")
            for name, c in curves.items()
        ],
        "note": "The score at which F1 at IoU 0.5 is highest on these frames; unreliable for classes with few objects.",
    }


def slice_table(slices: Sequence[SliceAp]) -> dict[str, Any]:
    """Return AP by distance, height, occlusion and truncation; slices without objects are left out.

    A row of one cell heads the rows of one attribute.
    """
    rows: list[tuple[str, ...]] = []
    for attribute, group in groupby((s for s in slices if s.objects), key=lambda s: s.attribute):
        rows.append((_SLICES[attribute][0].capitalize(),))
        rows += [
            (_slice_name(s), f"{s.objects:,}", number(s.ap, 3), number(s.ap50, 3), number(s.recall50, 2)) for s in group
        ]
    return {
        "title": "AP by distance, height, occlusion and truncation",
        "header": ("slice", "objects", "AP", "AP50", "recall"),
        "rows": rows,
        "note": "Recall is at IoU 0.5, over all scores. Compare two runs on one row, not two rows of one run: false "
        "detections count in every row of distance, occlusion and truncation.",
    }


def label_error_table(errors: Sequence[LabelError]) -> dict[str, Any]:
    """Return confident detections that the labels contradict."""
    return {
        "title": "Possible label errors",
        "header": ("frame", "detected", "score", "labelled", "box"),
        "rows": [
            (
                e.frame_id,
                e.detected,
                f"{e.score:.2f}",
                "nothing" if e.labelled is None else e.labelled,
                ", ".join(f"{v:.0f}" for v in e.xyxy),
            )
            for e in errors
        ],
        "note": "Confident detections that contradict the labels, most confident first: one of the two is wrong.",
    }


def number(value: float | None, digits: int) -> str:
    """Return a number as text, "none" where there is none."""
    return "none" if value is None else f"{value:.{digits}f}"


def between(interval: tuple[float, float] | None, digits: int) -> str:
    """Return an interval as text, empty where there is none."""
    return "" if interval is None else f"{interval[0]:.{digits}f}\N{EN DASH}{interval[1]:.{digits}f}"


def _at_best(curves: ScoreCurves) -> tuple[float, float]:
    """Return precision and recall at the best threshold."""
    at = curves.best_threshold
    return float(np.interp(at, THRESHOLDS, curves.precision)), float(np.interp(at, THRESHOLDS, curves.recall))


def _slice_name(one: SliceAp) -> str:
    if one.attribute == "occluded":
        return _OCCLUSION[int(one.low)]
    unit, digits = _SLICES[one.attribute][1], 2 if one.attribute == "truncated" else 0
    if math.isinf(one.high):
        return f"{one.low:.{digits}f} {unit} or more".replace("  ", " ")
    return f"{one.low:.{digits}f} to {one.high:.{digits}f} {unit}".rstrip()
