"""What a reader of the official scores should know about the set they were measured on, in sentences."""

from collections.abc import Iterable, Mapping

import numpy as np

from kittidet.eval.kitti_protocol.curves import RECALL_POINTS
from kittidet.eval.kitti_protocol.outcomes import LEVELS
from kittidet.eval.kitti_protocol.rows import Rows
from kittidet.frame import UNKNOWN_OCCLUSION


def score_notes(objects: Mapping[str, tuple[int, int, int]], truth: Rows, found: Rows) -> list[str]:
    """Return a sentence for each thing that a reader of the official scores should know.

    Args:
        objects: class -> labels that count at easy, moderate, hard.
        truth: all label rows.
        found: all detection rows.
    """
    notes = []
    for name, counts in objects.items():
        few = [
            # One threshold a hit, and the first one stands for recall 0, which R40 leaves out.
            f"{n} {level.name}, at most {100 * (n - 1) / (RECALL_POINTS - 1):.1f}"
            for n, level in zip(counts, LEVELS, strict=True)
            if 0 < n < RECALL_POINTS
        ]
        if few:
            notes.append(
                f"{name}: fewer than {RECALL_POINTS} objects; the devkit caps R40 there: {'; '.join(few)}. "
                "The order-free rule has no such cap."
            )
        occluded = truth.occluded[truth.kind == name.lower()]
        if (occluded >= UNKNOWN_OCCLUSION).any():
            notes.append(
                f"{name}: {(occluded >= UNKNOWN_OCCLUSION).sum()} labels of unknown occlusion count at no level."
            )
        if (occluded < 0).any():
            notes.append(
                f"{name}: {(occluded < 0).sum()} labels of occlusion -1 count as fully visible, as in the devkit: easy "
                "and moderate hold objects that may be hidden."
            )
        if not counts[-1]:
            notes.append(f"{name}: no ground truth.")
        elif not (found.kind == name.lower()).any():
            notes.append(f"{name}: no detections.")
    return notes


def why_none_counts(truth: Rows, names: Iterable[str]) -> str:
    """Return, in brackets, what keeps the labels of these classes from counting at the most lenient level."""
    last = LEVELS[-1]
    own = truth.take(np.isin(truth.kind, [name.lower() for name in names]))
    if not len(own):
        return ""
    unknown = own.occluded >= UNKNOWN_OCCLUSION
    reasons = (
        (unknown, f"have occlusion 3 or 4, unknown, which no level counts (they count up to {last.max_occluded})"),
        (own.truncated > last.max_truncated, f"are truncated by more than {last.max_truncated:g}"),
        (own.height < last.min_height, f"are lower than {last.min_height:g} px"),
    )
    return f" ({len(own)} labels: {', '.join(f'{mask.sum()} {why}' for mask, why in reasons if mask.any())})"
