"""Scores and facts as people read them, the same in terminals, cards and pages."""

from collections.abc import Mapping, Sequence
from typing import Any

from kittidet.classes import CLASS_TABLES

NO_TRUTH = "no ground truth"
# What stands beside every score of, and detection by, a detector that was trained on synthetic data.
SYNTHETIC = "synthetic scenes, not KITTI"
# What stands beside every score on the frames of training.
VAL_IS_TRAIN = "scored on the frames that it was trained on"


def is_kitti(classes: Sequence[str], source: str | None) -> bool:
    """Return whether data is KITTI's own, so that its licence holds and its limits are those of its roads.

    Args:
        classes: names that the detector tells apart.
        source: the kind of the data, as in ``source.kind``; None if only the classes are known.
    """
    has_own_classes = tuple(classes) not in {table.names for table in CLASS_TABLES.values()}
    return not has_own_classes and source not in {"synthetic", "coco", "yolo"}


def score_text(value: float | None, digits: int = 3) -> str:
    """Return a score with so many decimals, or "no ground truth" for None: there was nothing to find."""
    return NO_TRUTH if value is None else f"{value:.{digits}f}"


def limit_text(scores: Mapping[str, Any]) -> str | None:
    """Return a sentence where AP goes beyond COCO's 100 detections, None where it does not.

    Args:
        scores: holds ``max_detections`` and ``ap_at_100``, as `coco.CocoMetrics` does; scores of earlier versions,
            which stopped at 100, do not.
    """
    if scores.get("max_detections", 100) <= 100:
        return None
    return (
        f"AP counts up to {scores['max_detections']} detections of a class in a frame; with COCO's limit of 100, as in "
        f"published results, it is {score_text(scores['ap_at_100'])}."
    )


def leakage_text(summary: Mapping[str, Any]) -> str:
    """Return in one line how near validation is to training, to stand beside a run's AP.

    Args:
        summary: holds ``leakage``, ``nearness`` and ``val_is_train`` of a split; what is missing is not known.
    """
    if summary.get("val_is_train"):
        return f"all of it, on purpose: {VAL_IS_TRAIN}"
    leakage, nearness = summary.get("leakage"), summary.get("nearness")
    if leakage is not None:
        away = ""
        if leakage["shared_val_frames"] and nearness is not None:
            away = f", the nearest training frame {nearness['median']:g} s away (median)"
        return f"{leakage['share']:.0%} of validation frames share a drive with training{away}"
    if nearness is not None:
        alike = nearness["near"] / nearness["frames"]
        return f"drives unknown; {alike:.0%} of validation frames look like a training frame"
    return "not known"


def fact_text(value: Any) -> str:
    """Return one value of a step's summary on one line: lists and mappings by their items, None as "not known"."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {fact_text(item)}" for name, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(fact_text(item) for item in value) or "none"
    if value is None:
        return "not known"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
