"""Precision at 41 recalls, frames weighted: where the devkit samples recall, and what precision is there.

A frame that weighs two is one that occurs twice; with every weight 1 the curve is the devkit's.

Source:
    KITTI object devkit, evaluate_object.cpp: getThresholds, eval_class.
"""

import numpy as np

from kittidet.arrays import BoolArray, FloatArray, IntArray
from kittidet.eval.kitti_protocol.outcomes import Events, Outcomes

RECALL_POINTS = 41


def weighted_precision(outcomes: Outcomes, weights: IntArray, *, as_devkit: bool) -> FloatArray:
    """Return ``[draws, 41]`` best precision at each recall or beyond, 0 where the recall is never reached.

    Args:
        outcomes: of one class.
        weights: ``[draws, frames]`` how often each frame occurs.
        as_devkit: sample recall as the C++ program does.
    """
    reached = outcomes.reached
    positions = pick_positions(
        weights @ np.bincount(reached.frame, minlength=weights.shape[1]),
        weights @ outcomes.objects,
        once_each=as_devkit,
    )
    hits_until, false_until = outcomes.hits.until(reached.score), outcomes.false.until(reached.score)
    precision = np.zeros(positions.shape)
    for draw, (weight, wanted) in enumerate(zip(weights, positions, strict=True)):
        # The label whose hit stands at a position of the list in which each hit is there as often as its frame.
        at = np.searchsorted(np.cumsum(weight[reached.frame]), wanted[wanted >= 0], side="right")
        hits = _running(outcomes.hits, weight)[hits_until[at]]
        false = _running(outcomes.false, weight)[false_until[at]]
        precision[draw, : len(at)] = np.divide(hits, hits + false, out=np.zeros(len(at)), where=hits + false > 0)
    return np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]


def average_r40(precision: FloatArray) -> FloatArray:
    """Return AP R40, 0..100, of curves ``[..., 41]``."""
    # Recall 0 is left out: there a single right detection would earn 1/41 of the score.
    return 100 * precision[..., 1:].mean(axis=-1)


def average_r11(precision: FloatArray) -> FloatArray:
    """Return AP R11, 0..100, of curves ``[..., 41]``."""
    return 100 * precision[..., ::4].mean(axis=-1)


def pick_positions(hits: IntArray, objects: IntArray, *, once_each: bool) -> IntArray:
    """Return the places, best score first, of the hits at which recall comes closest to 0, 1/40, 2/40, ...

    Args:
        hits: ``[draws]`` how many there are.
        objects: ``[draws]`` labels that count.
        once_each: let a hit stand for one recall only, as the devkit does. With fewer than 41 objects its list then
            ends early and even a perfect detector stays below 100; without it, a hit there stands for every recall
            it is closest to. From 41 objects on the devkit's rule is the only one.

    Returns:
        ``[draws, 41]`` not decreasing, -1 past the recall that is reached.
    """
    once: BoolArray = once_each | (objects >= RECALL_POINTS)
    total, last = np.maximum(objects, 1), hits - 1
    positions = np.full((len(hits), RECALL_POINTS), -1, dtype=np.int64)
    place = np.full(len(hits), -1, dtype=np.int64)
    wanted = 0.0
    for k in range(RECALL_POINTS):
        # The first hit that is as close to the recall as the next one, by the devkit's own comparison of floats.
        near = np.ceil(total * wanted - 1.5).astype(np.int64)[:, None] + np.arange(-1, 2)
        here, following = (near + 1) / total[:, None], (near + 2) / total[:, None]
        found = near[np.arange(len(near)), (following - wanted >= wanted - here).argmax(axis=1)]
        found = np.minimum(np.maximum(found, np.maximum(place + once, 0)), last)
        goes_on = (place < last) | (~once & (wanted <= hits / total + 1e-9) & (hits > 0))
        place = np.where(goes_on, found, place)
        positions[goes_on, k] = place[goes_on]
        wanted += 1 / (RECALL_POINTS - 1)
    return positions


def _running(events: Events, weight: IntArray) -> IntArray:
    """Return ``[n + 1]`` what 0, 1, ... n events add up to."""
    return np.concatenate([[0], np.cumsum(weight[events.frame])])
