"""What becomes of the labels and detections of one class, overlap and level: matched once, for every score threshold.

Frames do not touch each other, and inside one only its own scores can change who gets whom. So each frame is matched
once a score of its own, and what changes there is an event; how much an event weighs is left to ``curves``. Labels
choose in a fixed order by fixed preferences, so another detection to choose from leaves none of them worse off: a hit
stays a hit at every lower threshold, and a detection that all labels pass over stays false.

Source:
    KITTI object devkit, evaluate_object.cpp: cleanData, computeStatistics.
"""

from dataclasses import dataclass

import numpy as np

from kittidet.arrays import BoolArray, FloatArray, IntArray
from kittidet.eval.kitti_protocol.matching import assign, rank_choices
from kittidet.eval.kitti_protocol.rows import Pairs, Rows
from kittidet.eval.kitti_protocol.scene import Scene


@dataclass(frozen=True, slots=True)
class Level:
    """Which labels a difficulty counts; all others of the class are neutral.

    Attributes:
        name: easy, moderate or hard.
        min_height: pixels of the original image.
        max_occluded: KITTI state 0..2.
        max_truncated: share outside of the image.
    """

    name: str
    min_height: float
    max_occluded: int
    max_truncated: float


LEVELS = (Level("easy", 40, 0, 0.15), Level("moderate", 25, 1, 0.30), Level("hard", 25, 2, 0.50))
# A label of these types is neither missed nor a hit for the class, and a detection on it is not false.
NEUTRAL = {"car": "van", "pedestrian": "person_sitting"}


@dataclass(frozen=True, slots=True)
class Events:
    """What happens as the score threshold sinks, best score first.

    Attributes:
        score: ``[n]`` the threshold from which on it holds.
        frame: ``[n]`` number of the frame in which it happens.
    """

    score: FloatArray
    frame: IntArray

    def until(self, thresholds: FloatArray) -> IntArray:
        """Return ``[t]`` how many events have happened at each threshold."""
        return np.searchsorted(-self.score, -thresholds, side="right")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One class at one overlap and level.

    Attributes:
        objects: ``[frames]`` labels that count.
        reached: each label's hit where all scores are let in; from these scores the thresholds are picked.
        hits: labels that have a detection at a threshold.
        false: detections that are false at a threshold.
    """

    objects: IntArray
    reached: Events
    hits: Events
    false: Events


def find_outcomes(scene: Scene, kind: str, min_overlap: float, level: Level, *, as_devkit: bool) -> Outcomes:
    """Return the outcomes of one class.

    Args:
        scene: labels and detections.
        kind: class in lower case.
        min_overlap: a detection matches a label above this intersection over union.
        level: the difficulty.
        as_devkit: cut heights to whole pixels, and let the order of rows decide who chooses first.
    """
    truth, found = scene.truth, scene.found
    is_class, counts, is_neutral = _label_roles(truth, kind, level)
    height = np.trunc(found.height) if as_devkit else found.height
    # As in the devkit a detection that is too low is neutral whatever its class.
    too_low = height < level.min_height
    valid = (found.kind == kind) & ~too_low  # [detections]
    pairs = scene.pairs
    near = pairs.take((pairs.iou > min_overlap) & (is_class | is_neutral)[pairs.truth] & (valid | too_low)[pairs.found])

    # Who chooses first matters where people stand in a group. The devkit lets the file's order decide; here labels of
    # the class come before neutral ones, and within them the order of `build_rows` holds.
    priority = np.zeros(len(truth)) if as_devkit else is_class.astype(np.float64)

    # First pass: at any score, each label takes its highest-scoring detection.
    by_score = rank_choices(near, (-found.score[near.found],), frame=truth.frame, priority=priority, n_found=len(found))
    (got,), _ = assign(by_score, np.ones((1, len(found)), dtype=bool))
    hit = _is_hit(got, counts[by_score.truth], valid)
    reached = _in_order(found.score[got[hit]], found.frame[got[hit]])

    # Second pass: at each threshold, each label takes the detection that overlaps most, a neutral one only if it must.
    # No threshold lies below the lowest hit.
    lowest = reached.score[-1] if len(reached.score) else np.inf
    may_be_false = valid & ~(scene.covered > min_overlap) & (found.score >= lowest)
    near = near.take(found.score[near.found] >= lowest)
    neutral = too_low[near.found]
    rows, places = np.unique(near.found, return_inverse=True)  # the detections that labels may choose
    by_overlap = rank_choices(
        Pairs(near.truth, places, near.iou),
        (np.where(neutral, 0.0, -near.iou), neutral),
        frame=truth.frame,
        priority=priority,
        n_found=len(rows),
    )
    rank, score_at = _rank_scores(found.take(rows), scene.frames)
    usable = rank[None, :] <= np.arange(len(score_at))[:, None]  # [ranks, choosable]
    got, given = assign(by_overlap, usable)
    hits = _is_hit(got, counts[by_overlap.truth], valid[rows])
    # A detection is not false if it was given to any label, neutral ones too, or lies inside DontCare.
    chosen_from = _first_scores(usable & ~given & may_be_false[rows], found.frame[rows], score_at)
    may_be_false[rows] = False
    by_itself = found.score[may_be_false], found.frame[may_be_false]
    return Outcomes(
        objects=np.bincount(truth.frame[counts], minlength=scene.frames),
        reached=reached,
        hits=_in_order(*_first_scores(hits, truth.frame[by_overlap.truth], score_at)),
        false=_in_order(*(np.concatenate(parts) for parts in zip(chosen_from, by_itself, strict=True))),
    )


def _rank_scores(found: Rows, frames: int) -> tuple[IntArray, FloatArray]:
    """Return the rank of each detection's score in its frame (0 is best, equals share one), and the scores by rank.

    The latter are ``[ranks, frames]``, one rank at least, NaN where a frame has fewer.
    """
    order = np.lexsort((-found.score, found.frame))
    frame, score = found.frame[order], found.score[order]
    is_new = np.ones(len(order), dtype=bool)
    is_new[1:] = (frame[1:] != frame[:-1]) | (score[1:] != score[:-1])
    place = np.cumsum(is_new)
    ranked = place - place[np.searchsorted(frame, frame)] if len(order) else place
    score_at = np.full((int(ranked.max(initial=0)) + 1, frames), np.nan)
    score_at[ranked, frame] = score
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = ranked
    return rank, score_at


def _first_scores(state: BoolArray, frame: IntArray, score_at: FloatArray) -> tuple[FloatArray, IntArray]:
    """Return the score and frame of the first rank at which each of ``[ranks, n]`` states holds, if one does."""
    place = np.flatnonzero(state.any(axis=0))
    frames = frame[place]
    return score_at[state[:, place].argmax(axis=0), frames], frames


def _in_order(score: FloatArray, frame: IntArray) -> Events:
    order = np.argsort(-score, kind="stable")
    return Events(score[order], frame[order])


def _label_roles(truth: Rows, kind: str, level: Level) -> tuple[BoolArray, BoolArray, BoolArray]:
    """Return which labels are of the class, which of them count at this level, and which are of its neutral type."""
    is_class = truth.kind == kind
    hard = (
        (truth.occluded > level.max_occluded)
        | (truth.truncated > level.max_truncated)
        | (truth.xyxy[:, 3] - truth.xyxy[:, 1] < level.min_height)
    )
    return is_class, is_class & ~hard, truth.kind == NEUTRAL.get(kind, "")


def _is_hit(got: IntArray, counts: BoolArray, valid: BoolArray) -> BoolArray:
    """Return ``[..., labels]`` whether a label that counts got a detection that counts."""
    return np.append(valid, False)[got] & counts
