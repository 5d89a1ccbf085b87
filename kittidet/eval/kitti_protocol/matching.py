"""Which detection goes to which label, for many score thresholds at once.

The devkit walks a frame's labels one by one and gives each its best free detection. Here the first labels of all frames
choose together, then the second ones, and so on; choices of different frames cannot touch each other.
"""

from dataclasses import dataclass

import numpy as np

from kittidet.arrays import BoolArray, FloatArray, IntArray
from kittidet.eval.kitti_protocol.rows import Pairs


@dataclass(frozen=True, slots=True)
class Choices:
    """What each label may take, best first.

    Attributes:
        truth: ``[g]`` rows of the labels that overlap anything.
        turn: ``[g]`` 0 for the label of its frame that chooses first, 1 for the second, ...
        found: ``[g, c]`` rows of detections, best first; ``padding`` where there are fewer.
        padding: one past the last detection.
    """

    truth: IntArray
    turn: IntArray
    found: IntArray
    padding: int


def rank_choices(
    pairs: Pairs,
    preference: tuple[FloatArray | BoolArray, ...],
    *,
    frame: IntArray,
    priority: FloatArray,
    n_found: int,
) -> Choices:
    """Return each label's overlapping detections in order of preference, and who chooses when.

    Args:
        pairs: what overlaps.
        preference: sort keys ``[p]``, the most important last, smaller is better; equals stay in row order.
        frame: ``[labels]`` frame of each label.
        priority: ``[labels]`` labels of a frame choose from the highest down; equals in row order.
        n_found: how many detections there are.
    """
    order = np.lexsort((pairs.found, *preference, pairs.truth))
    truth, found = pairs.truth[order], pairs.found[order]
    labels, first, count = np.unique(truth, return_index=True, return_counts=True)
    table = np.full((len(labels), int(count.max(initial=1))), n_found, dtype=np.int64)
    row = np.repeat(np.arange(len(labels)), count)
    table[row, np.arange(len(truth)) - np.repeat(first, count)] = found
    # Sorted by frame, then priority, a label's turn is its distance to the first label of the frame.
    by_priority = np.lexsort((-priority[labels], frame[labels]))
    frames = frame[labels][by_priority]
    turn = np.empty(len(labels), dtype=np.int64)
    turn[by_priority] = np.arange(len(labels)) - np.searchsorted(frames, frames)
    return Choices(labels, turn, table, n_found)


def assign(choices: Choices, usable: BoolArray) -> tuple[IntArray, BoolArray]:
    """Give each label, in turn, the first of its choices that is usable and still free.

    Args:
        choices: of ``g`` labels.
        usable: ``[t, n]`` whether a detection takes part, for each of ``t`` thresholds.

    Returns:
        ``[t, g]`` the detection each label got (``choices.padding`` for none) and ``[t, n]`` whether a detection was
        given away.
    """
    thresholds, n_found = usable.shape
    free = np.concatenate([usable, np.zeros((thresholds, 1), dtype=bool)], axis=1)  # [t, n + 1], padding never free
    got = np.full((thresholds, len(choices.truth)), n_found, dtype=np.int64)
    each = np.arange(thresholds)[:, None]
    for turn in range(int(choices.turn.max(initial=-1)) + 1):
        labels = np.flatnonzero(choices.turn == turn)
        options = choices.found[labels]  # [g', c]
        open_ = free[:, options]  # [t, g', c]
        best = options[np.arange(len(labels)), open_.argmax(axis=2)]  # [t, g']
        best = np.where(open_.any(axis=2), best, n_found)
        got[:, labels] = best
        free[each, best] = False
    given = usable & ~free[:, :n_found]
    return got, given
