"""What kinds of errors there are and how confident the detector is in them: hotcoco's confusion, TIDE and calibration.

Source:
    Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors", 2020;
    Küppers et al., "Multivariate Confidence Calibration for Object Detection", 2020 (reliability by score).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kittidet.arrays import IntArray

BACKGROUND = "background"

# hotcoco's names, in the order of the TIDE paper, and what a reader needs to know of them.
TIDE_MEANING: Mapping[str, str] = {
    "Cls": "right place, wrong class",
    "Loc": "right class, box too far off (IoU .1 to .5)",
    "Both": "wrong class and box off",
    "Dupe": "second box on an object that has one",
    "Bkg": "nothing labelled there",
    "Miss": "labelled object that no right, misplaced or misnamed detection accounts for",
}


@dataclass(frozen=True, slots=True)
class Confusion:
    """Which class is taken for which.

    Attributes:
        names: classes in id order, ``background`` last.
        counts: ``[k + 1, k + 1]``; rows are labels, columns detections; the last row holds detections of nothing, the
            last column objects that were missed.
        min_score: detections below were left out.
        min_iou: overlap of a match.
    """

    names: tuple[str, ...]
    counts: IntArray
    min_score: float
    min_iou: float


@dataclass(frozen=True, slots=True)
class TideError:
    """One kind of error.

    Attributes:
        kind: TIDE's short name.
        meaning: in words.
        lost_ap50: how much AP at IoU .5 would rise if these were gone, 0..1.
        count: how many there are.
    """

    kind: str
    meaning: str
    lost_ap50: float
    count: int


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Detections of similar score.

    Attributes:
        low: lower end of the score.
        high: upper end.
        mean_score: of the detections in it.
        share_right: of them that match a label at IoU .5.
        count: how many.
    """

    low: float
    high: float
    mean_score: float
    share_right: float
    count: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """Whether a score of .8 is right in 8 of 10 cases.

    Attributes:
        bins: ten, by score.
        expected_error: mean distance of score and share, weighted by count, 0..1.
        largest_error: of the bins that hold something.
        per_class: class -> expected error.
    """

    bins: tuple[CalibrationBin, ...]
    expected_error: float
    largest_error: float
    per_class: Mapping[str, float]


def confusion(evaluator: Any, *, min_score: float, min_iou: float) -> Confusion:
    """Return the confusion matrix of a hotcoco evaluator's detections at or above a score."""
    found = evaluator.confusion_matrix(iou_thr=min_iou, min_score=min_score)
    counts = np.asarray(found["matrix"], dtype=np.int64)
    return Confusion((*found["cat_names"], BACKGROUND), counts, min_score, min_iou)


def tide_errors(evaluator: Any) -> tuple[TideError, ...]:
    """Return TIDE's six kinds of error of a hotcoco evaluator, in the paper's order."""
    found = evaluator.tide_errors()
    return tuple(
        TideError(kind, meaning, float(found["delta_ap"][kind]), int(found["counts"][kind]))
        for kind, meaning in TIDE_MEANING.items()
    )


def calibration(evaluator: Any, *, min_iou: float) -> Calibration:
    """Return how well the scores of a hotcoco evaluator's detections are calibrated, in ten bins."""
    found = evaluator.calibration(n_bins=10, iou_threshold=min_iou)
    bins = tuple(
        CalibrationBin(
            float(one["bin_lower"]),
            float(one["bin_upper"]),
            float(one["avg_confidence"]),
            float(one["avg_accuracy"]),
            int(one["count"]),
        )
        for one in found["bins"]
    )
    per_class = {name: float(value) for name, value in found["per_category"].items()}
    return Calibration(bins, float(found["ece"]), float(found["mce"]), per_class)
