"""Average precision by the official KITTI 2D protocol, from labels and detections in memory.

Source:
    KITTI object devkit, evaluate_object.cpp; the move from 11 to 40 recall points: KITTI benchmark page, 8 Oct 2019.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from kittidet.arrays import FloatArray
from kittidet.errors import EvaluationError
from kittidet.eval.kitti_protocol.curves import LEVELS, RECALL_POINTS, Curve, Scene, build_curve
from kittidet.eval.kitti_protocol.rows import Rows, build_rows, covered_share, overlapping_pairs
from kittidet.frame import KittiObject

# The intersection over union above which a detection matches: the benchmark's, and the devkit's looser set.
OFFICIAL_OVERLAP: Mapping[str, float] = MappingProxyType({"Car": 0.7, "Pedestrian": 0.5, "Cyclist": 0.5})
LOOSE_OVERLAP: Mapping[str, float] = MappingProxyType({"Car": 0.5, "Pedestrian": 0.25, "Cyclist": 0.25})

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
    """

    min_overlap: float
    r40: Triple
    r11: Triple
    precision: tuple[FloatArray | None, FloatArray | None, FloatArray | None]
    objects: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class KittiAp:
    """KITTI 2D AP of one set of detections.

    Attributes:
        official: class -> scores at the benchmark's overlaps.
        loose: class -> scores at the looser ones.
        n_frames: frames scored.
        n_detections: detections of any class in them.
        devkit_rounding: whether this repeats the C++ program's own numbers.
        notes: what a reader of the numbers should know, one sentence each.
    """

    official: Mapping[str, ClassAp]
    loose: Mapping[str, ClassAp]
    n_frames: int
    n_detections: int
    devkit_rounding: bool
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return JSON types: ``ap`` and ``ap_loose`` as class -> R40 and R11 -> [easy, moderate, hard], and curves."""
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
            "min_overlap": {name: score.min_overlap for name, score in self.official.items()},
            "min_overlap_loose": {name: score.min_overlap for name, score in self.loose.items()},
            "levels": names,
            "objects": {name: list(score.objects) for name, score in self.official.items()},
            "recall": np.linspace(0, 1, RECALL_POINTS).tolist(),
            "precision": curves(self.official),
            "precision_loose": curves(self.loose),
            "n_frames": self.n_frames,
            "n_detections": self.n_detections,
            "devkit_rounding": self.devkit_rounding,
            "notes": list(self.notes),
        }


def kitti_ap(
    ground_truth: Mapping[str, Sequence[KittiObject]],
    detections: Mapping[str, Sequence[KittiObject]],
    *,
    devkit_rounding: bool = False,
) -> KittiAp:
    """Return AP R40 and R11 of Car, Pedestrian and Cyclist at easy, moderate and hard.

    Args:
        ground_truth: frame id -> label rows, DontCare included; these are the frames that are scored.
        detections: frame id -> result rows; a frame that is missing has no detections.
        devkit_rounding: repeat what the C++ program does to the letter: detection heights cut to whole pixels, equal
            candidates taken in file order, recall sampled without care for classes of fewer than 41 objects. Off, the
            order of rows changes nothing and a perfect detector scores 100 however few objects there are.

    Raises:
        EvaluationError: without frames or objects to score, on detections for a frame without labels, without a
            score, or with a box or score that is no finite number or negative in size.
    """
    _check(ground_truth, detections)
    frame_ids = sorted(ground_truth)
    truth = build_rows(ground_truth, frame_ids, keep_order=devkit_rounding)
    found = build_rows(detections, frame_ids, keep_order=devkit_rounding)
    scene = Scene(
        truth=truth,
        found=found,
        pairs=overlapping_pairs(truth, found, above_iou=min(LOOSE_OVERLAP.values())),
        covered=covered_share(found, truth.take(truth.kind == "dontcare")),
    )
    official = _score(scene, OFFICIAL_OVERLAP, as_devkit=devkit_rounding)
    if not any(score.objects[-1] for score in official.values()):
        raise EvaluationError(
            f"no ground truth: the labels of {len(frame_ids)} frames hold no {', '.join(official)} that counts at any "
            "level. Check the label folder and the list of frames."
        )
    return KittiAp(
        official=official,
        loose=_score(scene, LOOSE_OVERLAP, as_devkit=devkit_rounding),
        n_frames=len(frame_ids),
        n_detections=len(found),
        devkit_rounding=devkit_rounding,
        notes=tuple(_notes(official, found, as_devkit=devkit_rounding)),
    )


def _score(scene: Scene, overlaps: Mapping[str, float], *, as_devkit: bool) -> dict[str, ClassAp]:
    scores = {}
    for name, overlap in overlaps.items():
        easy, moderate, hard = (
            build_curve(scene, name.lower(), overlap, level, as_devkit=as_devkit) for level in LEVELS
        )
        scores[name] = ClassAp(
            min_overlap=overlap,
            r40=(_ap_r40(easy), _ap_r40(moderate), _ap_r40(hard)),
            r11=(_ap_r11(easy), _ap_r11(moderate), _ap_r11(hard)),
            precision=(_points(easy), _points(moderate), _points(hard)),
            objects=(easy.objects, moderate.objects, hard.objects),
        )
    return scores


def _ap_r40(curve: Curve) -> float | None:
    # Recall 0 is left out: there a single right detection would earn 1/41 of the score.
    return 100 * float(curve.precision[1:].mean()) if curve.objects else None


def _ap_r11(curve: Curve) -> float | None:
    return 100 * float(curve.precision[::4].mean()) if curve.objects else None


def _points(curve: Curve) -> FloatArray | None:
    return curve.precision if curve.objects else None


def _notes(scores: Mapping[str, ClassAp], found: Rows, *, as_devkit: bool) -> list[str]:
    notes = []
    for name, score in scores.items():
        few = [f"{n} {level.name}" for n, level in zip(score.objects, LEVELS, strict=True) if 0 < n < RECALL_POINTS]
        if few:
            effect = "the devkit caps AP below 100 there" if as_devkit else "AP is coarse there"
            notes.append(f"{name}: fewer than {RECALL_POINTS} objects ({', '.join(few)}); {effect}.")
        if not score.objects[-1]:
            notes.append(f"{name}: no ground truth.")
        elif not (found.kind == name.lower()).any():
            notes.append(f"{name}: no detections.")
    return notes


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
            if item.score is None or not np.isfinite((*item.xyxy, item.score)).all() or right < left or bottom < top:
                raise EvaluationError(
                    f"frame {frame_id}, detection {row}: expected a finite box with right >= left and bottom >= top "
                    f"and a finite score, got box {item.xyxy}, score {item.score}."
                )
