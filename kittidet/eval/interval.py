"""How certain a run's AP is: bootstrap intervals over its validation frames."""

from collections.abc import Mapping
from dataclasses import dataclass

from kittidet.arrays import FloatArray
from kittidet.eval.bootstrap import all_class_ap, draw_weights, interval_of, mean_ap
from kittidet.eval.matches import Matches

Interval = tuple[float, float]
_IOU_50, _IOU_75 = 0, 5


@dataclass(frozen=True, slots=True)
class ApIntervals:
    """Percentile intervals, values 0..1.

    Attributes:
        ap: of the mean over classes and IoU .50:.95.
        ap50: at IoU .50.
        ap75: at IoU .75.
        per_class_ap: class name -> interval; None for a class without ground truth.
        confidence: share of draws inside.
        frames: that were drawn from.
    """

    ap: Interval
    ap50: Interval
    ap75: Interval
    per_class_ap: Mapping[str, Interval | None]
    confidence: float
    frames: int


def ap_intervals(matches: Matches, *, resamples: int, confidence: float, seed: int) -> ApIntervals:
    """Return the intervals that AP stays in when the validation frames are drawn again.

    They cover the choice of frames, not the training: another seed of the same recipe may differ by more.

    Args:
        matches: of the run's detections.
        resamples: bootstrap draws.
        confidence: share of draws inside, 0..1.
        seed: of the draws.

    Raises:
        ValueError: without frames, draws, or labelled objects.
    """
    if not any(one.labels.any() for one in matches.classes):
        raise ValueError("ap_intervals: expected at least one labelled object")
    frames = len(matches.image_ids)
    ap = all_class_ap(matches, draw_weights(frames, resamples=resamples, seed=seed))  # [classes, draws, 10]

    def of_all(by_class: FloatArray) -> Interval:
        found = interval_of(mean_ap(by_class), confidence)
        if found is None:
            raise ValueError("ap_intervals: no draw holds a labelled object; use more draws")
        return found

    return ApIntervals(
        ap=of_all(ap.mean(axis=2)),
        ap50=of_all(ap[:, :, _IOU_50]),
        ap75=of_all(ap[:, :, _IOU_75]),
        per_class_ap={one.name: interval_of(ap[k].mean(axis=1), confidence) for k, one in enumerate(matches.classes)},
        confidence=confidence,
        frames=frames,
    )
