"""Average precision by the official KITTI 2D protocol, from labels and detections in memory.

Source:
    KITTI object devkit, evaluate_object.cpp; the move from 11 to 40 recall points: KITTI benchmark page, 8 Oct 2019.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from kittidet.arrays import FloatArray
from kittidet.config import CompareConfig
from kittidet.errors import EvaluationError
from kittidet.eval.bootstrap import draw_weights
from kittidet.eval.kitti_protocol.curves import RECALL_POINTS, average_r11, average_r40, weighted_precision
from kittidet.eval.kitti_protocol.intervals import ClassIntervals, class_intervals
from kittidet.eval.kitti_protocol.notes import score_notes, why_none_counts
from kittidet.eval.kitti_protocol.outcomes import LEVELS, find_outcomes
from kittidet.eval.kitti_protocol.scene import Scene, build_scene
from kittidet.frame import KittiObject

# The intersection over union above which a detection matches: the benchmark's, and the devkit's looser set.
OFFICIAL_OVERLAP: Mapping[str, float] = MappingProxyType({"Car": 0.7, "Pedestrian": 0.5, "Cyclist": 0.5})
LOOSE_OVERLAP: Mapping[str, float] = MappingProxyType({"Car": 0.5, "Pedestrian": 0.25, "Cyclist": 0.25})

# AP differences of the two rules below this are not worth a reader's time.
SAME_AP = 0.05

T = TypeVar("T")
Triple = tuple[float | None, float | None, float | None]


@dataclass(frozen=True, slots=True)
class ClassAp:
    """One class at one overlap; easy, moderate, hard, in this order.

    Attributes:
        min_overlap: intersection over union needed for a match.
        r40: AP over recalls 1/40 ... 1, 0..100; None where no object counts.
        r11: AP over recalls 0, .1, ... 1.
        precision: three curves ``[41]`` over recalls 0, 1/40, ... 1, values 0..1; None where no object counts.
        objects: labels that count.
        intervals: of AP, by bootstrap over frames; None where not asked for.
    """

    min_overlap: float
    r40: Triple
    r11: Triple
    precision: tuple[FloatArray | None, FloatArray | None, FloatArray | None]
    objects: tuple[int, int, int]
    intervals: ClassIntervals | None = None


@dataclass(frozen=True, slots=True)
class KittiAp:
    """KITTI 2D AP of one set of detections, by the devkit's own rule.

    Attributes:
        official: class -> scores at the benchmark's overlaps.
        loose: class -> scores at the looser ones.
        n_frames: frames scored.
        n_detections: detections of any class in them.
        order_free: class -> scores at the benchmark's overlaps by the order-free rule; None where not asked for.
        notes: what a reader of the numbers should know, one sentence each.
        scored_on: class -> the detector's class of another name that is scored as it; see `detector.detector_ap`.
        not_scored: class that the detector cannot name -> why.
    """

    official: Mapping[str, ClassAp]
    loose: Mapping[str, ClassAp]
    n_frames: int
    n_detections: int
    order_free: Mapping[str, ClassAp] | None = None
    notes: tuple[str, ...] = ()
    scored_on: Mapping[str, str] = field(default_factory=dict)
    not_scored: Mapping[str, str] = field(default_factory=dict)

    def order_free_differences(self) -> dict[str, tuple[Triple, Triple]]:
        """Return class -> R40 and R11 by the order-free rule minus the devkit's; None where equal to ``SAME_AP``."""
        return {
            name: (_differences(score.r40, other.r40), _differences(score.r11, other.r11))
            for name, score in self.official.items()
            for other in [(self.order_free or {}).get(name)]
            if other is not None
        }

    def to_json(self) -> dict[str, Any]:
        """Return JSON types: ``ap``, ``ap_loose`` and ``ap_order_free`` (None where not asked for), and the curves.

        Each is class -> R40 and R11 -> [easy, moderate, hard]; so are the ``intervals`` of ``ap``, where asked for.
        """
        names = [level.name for level in LEVELS]

        def table(scores: Mapping[str, ClassAp]) -> dict[str, Any]:
            return {name: {"R40": list(score.r40), "R11": list(score.r11)} for name, score in scores.items()}

        def curves(scores: Mapping[str, ClassAp]) -> dict[str, Any]:
            return {
                name: {
                    level: None if curve is None else curve.tolist()
                    for level, curve in zip(names, score.precision, strict=True)
                }
                for name, score in scores.items()
            }

        return {
            "ap": table(self.official),
            "ap_loose": table(self.loose),
            "ap_order_free": None if self.order_free is None else table(self.order_free),
            "intervals": {
                name: {"R40": list(score.intervals.r40), "R11": list(score.intervals.r11)}
                for name, score in self.official.items()
                if score.intervals is not None
            },
            "min_overlap": {name: score.min_overlap for name, score in self.official.items()},
            "min_overlap_loose": {name: score.min_overlap for name, score in self.loose.items()},
            "levels": names,
            "objects": {name: list(score.objects) for name, score in self.official.items()},
            "recall": np.linspace(0, 1, RECALL_POINTS).tolist(),
            "precision": curves(self.official),
            "precision_loose": curves(self.loose),
            "n_frames": self.n_frames,
            "n_detections": self.n_detections,
            "rule": "devkit",
            "notes": list(self.notes),
            "scored_on": dict(self.scored_on),
            "not_scored": dict(self.not_scored),
        }


def kitti_ap(
    ground_truth: Mapping[str, Sequence[KittiObject]],
    detections: Mapping[str, Sequence[KittiObject]],
    *,
    order_free: bool = False,
    draws: CompareConfig | None = None,
) -> KittiAp:
    """Return AP R40 and R11 of Car, Pedestrian and Cyclist at easy, moderate and hard: the devkit's numbers.

    The devkit cuts detection heights to whole pixels, lets labels choose in file order, and caps the AP of a class with
    fewer than 41 objects. The order-free rule does none of these: labels of the class choose before neutral ones, the
    order of rows changes nothing, and a perfect detector scores 100 however few objects there are.

    Args:
        ground_truth: frame id -> label rows, DontCare included; these are the frames that are scored. As in the
            devkit, occlusion 3 and above counts at no level and -1, which KITTI's own objects never have, at every one.
        detections: frame id -> result rows; a frame that is missing has no detections.
        order_free: also score by the order-free rule.
        draws: also give intervals of the official scores, over the frames in the order of their ids.

    Raises:
        EvaluationError: without frames or objects to score, on detections for a frame without labels, without a
            score, or with a box or score that is no finite number or negative in size.
    """
    _check(ground_truth, detections)
    least = min(LOOSE_OVERLAP.values())
    scene = build_scene(ground_truth, detections, keep_order=True, above_iou=least)
    official = _score(scene, OFFICIAL_OVERLAP, as_devkit=True, draws=draws)
    if not any(score.objects[-1] for score in official.values()):
        raise EvaluationError(
            f"no ground truth: the labels of {len(ground_truth)} frames hold no {', '.join(official)} that counts at "
            f"any level{why_none_counts(scene.truth, official)}. Check the label folder and the list of frames."
        )
    return KittiAp(
        official=official,
        loose=_score(scene, LOOSE_OVERLAP, as_devkit=True),
        n_frames=len(ground_truth),
        n_detections=len(scene.found),
        order_free=_score(
            build_scene(ground_truth, detections, keep_order=False, above_iou=least), OFFICIAL_OVERLAP, as_devkit=False
        )
        if order_free
        else None,
        notes=tuple(score_notes({name: score.objects for name, score in official.items()}, scene.truth, scene.found)),
    )


def _score(
    scene: Scene, overlaps: Mapping[str, float], *, as_devkit: bool, draws: CompareConfig | None = None
) -> dict[str, ClassAp]:
    once = np.ones((1, scene.frames), dtype=np.int64)
    weights = None if draws is None else draw_weights(scene.frames, resamples=draws.resamples, seed=draws.seed)
    scores = {}
    for name, overlap in overlaps.items():
        levels = [find_outcomes(scene, name.lower(), overlap, level, as_devkit=as_devkit) for level in LEVELS]
        curves = [
            weighted_precision(one, once, as_devkit=as_devkit)[0] if one.objects.any() else None for one in levels
        ]
        easy, moderate, hard = curves
        scores[name] = ClassAp(
            min_overlap=overlap,
            r40=_triple(None if curve is None else float(average_r40(curve)) for curve in curves),
            r11=_triple(None if curve is None else float(average_r11(curve)) for curve in curves),
            precision=(easy, moderate, hard),
            objects=_triple(int(one.objects.sum()) for one in levels),
            intervals=None
            if draws is None or weights is None
            else class_intervals(levels, weights, confidence=draws.confidence),
        )
    return scores


def _triple(values: Iterable[T]) -> tuple[T, T, T]:
    easy, moderate, hard = values
    return easy, moderate, hard


def _differences(devkit: Triple, order_free: Triple) -> Triple:
    easy, moderate, hard = (
        None if a is None or b is None or abs(b - a) <= SAME_AP else b - a
        for a, b in zip(devkit, order_free, strict=True)
    )
    return easy, moderate, hard


def _check(ground_truth: Mapping[str, Sequence[KittiObject]], detections: Mapping[str, Sequence[KittiObject]]) -> None:
    if not ground_truth:
        raise EvaluationError("no frames to score: expected labels of at least one frame. Check the label folder.")
    unknown = sorted(set(detections) - set(ground_truth))
    if unknown:
        raise EvaluationError(
            f"detections for {len(unknown)} frames without labels: {', '.join(unknown[:5])}. Expected frames of the "
            f"{len(ground_truth)} that are scored; were these made on another split?"
        )
    for frame_id, items in detections.items():
        for row, item in enumerate(items, start=1):
            left, top, right, bottom = item.xyxy
            is_number = item.score is not None and all(map(math.isfinite, (*item.xyxy, item.score)))
            if not is_number or right < left or bottom < top:
                raise EvaluationError(
                    f"frame {frame_id}, detection {row}: expected a finite box with right >= left and bottom >= top "
                    f"and a finite score, got box {item.xyxy}, score {item.score}."
                )
