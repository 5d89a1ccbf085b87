"""How certain official AP is: bootstrap intervals over frames.

Nothing is matched again. Each draw weights the frames, samples recall anew from its own hits, as the devkit does with
a set in which frames occur as often as they were drawn, and so is that set's AP exactly.

Source:
    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13 (percentile interval).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kittidet.arrays import IntArray
from kittidet.eval.bootstrap import interval_of
from kittidet.eval.kitti_protocol.curves import average_r11, average_r40, weighted_precision
from kittidet.eval.kitti_protocol.outcomes import Outcomes

Interval = tuple[float, float]
Intervals = tuple[Interval | None, Interval | None, Interval | None]


@dataclass(frozen=True, slots=True)
class ClassIntervals:
    """Percentile intervals of one class's AP, 0..100; easy, moderate, hard; None where no draw holds an object.

    Attributes:
        r40: of AP R40.
        r11: of AP R11.
    """

    r40: Intervals
    r11: Intervals


def class_intervals(levels: Sequence[Outcomes], weights: IntArray, *, confidence: float) -> ClassIntervals:
    """Return the intervals of one class by the devkit's rule.

    They cover the choice of frames, not the training.

    Args:
        levels: outcomes at easy, moderate and hard.
        weights: ``[draws, frames]`` how often each frame was drawn.
        confidence: share of draws inside, 0..1.
    """
    r40: list[Interval | None] = []
    r11: list[Interval | None] = []
    for one in levels:
        drawn = weights[weights @ one.objects > 0]
        precision = weighted_precision(one, drawn, as_devkit=True)
        r40.append(interval_of(average_r40(precision), confidence))
        r11.append(interval_of(average_r11(precision), confidence))
    return ClassIntervals((r40[0], r40[1], r40[2]), (r11[0], r11[1], r11[2]))
