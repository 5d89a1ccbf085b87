"""Whether an exported model finds what its source finds.

Models that end in detections are compared by their detections. Models that end in raw outputs are compared by their
candidates: suppression is not part of such an export, and there two candidates of nearly equal scores may change
places over the last bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kittidet.arrays import FloatArray
from kittidet.boxes import iou_xyxy
from kittidet.errors import ExportError
from kittidet.frame import Detections

# Class probabilities [n, A, K] and boxes [n, A, 4], input pixels.
Candidates = tuple[FloatArray, FloatArray]
_LIKELIEST = 100


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far an export may stray.

    Attributes:
        score: of a detection, or of any class probability of any anchor, 0..1.
        iou: the least overlap of a detection, or an anchor's box, with its counterpart.
    """

    score: float
    iou: float


# Same arithmetic, another order of operations; then weights in 11 bits; then weights in 8 bits.
EXACT = Tolerance(score=2e-3, iou=0.98)
HALF = Tolerance(score=0.03, iou=0.9)
BYTES = Tolerance(score=0.2, iou=0.75)


@dataclass(frozen=True, slots=True)
class Agreement:
    """The result of a comparison that passed.

    Attributes:
        frames: images compared.
        compared: detections of the source, or candidates before suppression, that were looked for.
        max_score_difference: over all of them; for candidates over every anchor and class.
        min_iou: over all of them.
    """

    frames: int
    compared: int
    max_score_difference: float
    min_iou: float


def check_detections(
    source: Sequence[Detections],
    exported: Sequence[Detections],
    *,
    tolerance: Tolerance,
    min_score: float,
    what: str,
) -> Agreement:
    """Return how well the detections of two models agree on the same images.

    A detection of either side at ``min_score`` or above (by more than the score tolerance, so that none fails for
    lying on the edge) needs a counterpart of the same class on the other side.

    Args:
        source: of the model that was exported.
        exported: of the export, same frames, same order.
        tolerance: what counts as the same.
        min_score: detections below need no counterpart.
        what: names the export in the message.

    Raises:
        ExportError: on the first disagreement, or if there is nothing to compare.
        ValueError: if the frames differ.
    """
    if [d.frame_id for d in source] != [d.frame_id for d in exported]:
        raise ValueError("agreement: expected the same frames in the same order")
    if not all(np.isfinite(d.scores).all() and np.isfinite(d.xyxy).all() for d in exported):
        raise ExportError(f"{what}: the export returns values that are not finite. It was not written.")
    count, score_gap, overlap = 0, 0.0, 1.0
    for ours, theirs in zip(source, exported, strict=True):
        count += int((ours.scores >= min_score).sum())
        for left, right in ((ours, theirs), (theirs, ours)):
            gap, iou = _compare(left, right, tolerance, min_score, what)
            score_gap, overlap = max(score_gap, gap), min(overlap, iou)
    if not count:
        raise ExportError(
            f"{what}: the source finds nothing with a score of {min_score} or more on {len(source)} images, so "
            "nothing can be compared. Give images of what it was trained on."
        )
    return Agreement(len(source), count, score_gap, overlap)


def check_candidates(
    source: Candidates, exported: Candidates, *, tolerance: Tolerance, min_score: float, what: str
) -> Agreement:
    """Return how well the candidates of two models agree: every probability, and the box of every likely anchor.

    Likely are anchors with a probability of ``min_score`` or more on either side, and the hundred likeliest of the
    source in each image, so that a model that is sure of nothing is compared all the same.

    Raises:
        ExportError: if a probability or a likely box differs by more than the tolerance.
    """
    (ours, our_boxes), (theirs, their_boxes) = source, exported
    if ours.shape != theirs.shape or our_boxes.shape != their_boxes.shape:
        raise ExportError(f"{what}: the export returns {theirs.shape} class scores, expected {ours.shape}.")
    gap = float(np.abs(ours - theirs).max())
    if not gap <= tolerance.score:
        raise ExportError(
            f"{what}: class probabilities differ from the source's by {gap:.4f}, expected at most {tolerance.score}. "
            "The export was not written; export in another format."
        )
    best = ours.max(axis=2)  # [n, A]
    likely = np.maximum(best, theirs.max(axis=2)) >= min_score
    first = np.argsort(-best, axis=1, kind="stable")[:, :_LIKELIEST]
    np.put_along_axis(likely, first, values=True, axis=1)
    overlaps = np.array([_overlap(a, b) for a, b in zip(our_boxes[likely], their_boxes[likely], strict=True)])
    least = float(overlaps.min())
    if not least >= tolerance.iou:
        raise ExportError(
            f"{what}: the box of a likely anchor overlaps the source's by {least:.3f}, expected {tolerance.iou} or "
            "more. The export was not written; export in another format."
        )
    return Agreement(len(ours), int(likely.sum()), gap, least)


def _overlap(a: FloatArray, b: FloatArray) -> float:
    return float(iou_xyxy(a[None], b[None])[0, 0])


def _compare(
    left: Detections, right: Detections, tolerance: Tolerance, min_score: float, what: str
) -> tuple[float, float]:
    """Return the largest score difference and least overlap of ``left``'s detections with counterparts in ``right``."""
    strong = np.flatnonzero(left.scores >= min_score + tolerance.score)
    overlaps = iou_xyxy(left.xyxy, right.xyxy)
    gaps = np.abs(left.scores[:, None] - right.scores[None, :])
    same = left.class_ids[:, None] == right.class_ids[None, :]
    fits = same & (overlaps >= tolerance.iou) & (gaps <= tolerance.score)
    score_gap, least = 0.0, 1.0
    for i in strong:
        if not fits[i].any():
            raise ExportError(
                f"{what}: frame {left.frame_id}: class {left.class_ids[i]} at {left.xyxy[i].round(1).tolist()} with "
                f"score {left.scores[i]:.3f} has no counterpart within IoU {tolerance.iou} and score "
                f"{tolerance.score} in the other model. The export was not written; export in another format."
            )
        best = int(np.where(fits[i], overlaps[i], -1).argmax())
        score_gap, least = max(score_gap, float(gaps[i, best])), min(least, float(overlaps[i, best]))
    return score_gap, least
