"""Precision at 41 recalls for one class, overlap and difficulty level: the devkit's two passes.

Source:
    KITTI object devkit, evaluate_object.cpp: cleanData, getThresholds, computeStatistics, eval_class.
"""

from dataclasses import dataclass

import numpy as np

from kittidet.arrays import BoolArray, FloatArray, IntArray
from kittidet.eval.kitti_protocol.matching import assign, rank_choices
from kittidet.eval.kitti_protocol.rows import Pairs, Rows

RECALL_POINTS = 41


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
class Curve:
    """One class at one level.

    Attributes:
        precision: ``[41]`` best precision at this recall or beyond, 0 where the recall is never reached.
        objects: labels that count.
    """

    precision: FloatArray
    objects: int


@dataclass(frozen=True, slots=True)
class Scene:
    """Labels, detections and their overlaps, made once for all classes and levels.

    Attributes:
        truth: label rows, DontCare included.
        found: detection rows.
        pairs: what overlaps by more than the smallest overlap in use.
        covered: ``[detections]`` share of each detection inside a DontCare region.
    """

    truth: Rows
    found: Rows
    pairs: Pairs
    covered: FloatArray


def build_curve(scene: Scene, kind: str, min_overlap: float, level: Level, *, as_devkit: bool) -> Curve:
    """Return the precision curve of one class.

    Args:
        scene: labels and detections.
        kind: class in lower case.
        min_overlap: a detection matches a label above this intersection over union.
        level: the difficulty.
        as_devkit: cut heights to whole pixels and sample recall as the C++ program does.
    """
    truth, found = scene.truth, scene.found
    is_class, counts, is_neutral = _label_roles(truth, kind, level)
    height = np.trunc(found.height) if as_devkit else found.height
    # As in the devkit a detection that is too low is neutral whatever its class.
    too_low = height < level.min_height
    valid = (found.kind == kind) & ~too_low  # [detections]
    pairs = scene.pairs
    keep = (pairs.iou > min_overlap) & (is_class | is_neutral)[pairs.truth] & (valid | too_low)[pairs.found]
    near = Pairs(pairs.truth[keep], pairs.found[keep], pairs.iou[keep])

    # Who chooses first matters where people stand in a group. The devkit lets the file's order decide; here labels of
    # the class come before neutral ones, and within them the order of `build_rows` holds.
    priority = np.zeros(len(truth)) if as_devkit else is_class.astype(np.float64)

    # First pass: at any score, each label takes its highest-scoring detection; the hits' scores give the thresholds.
    by_score = rank_choices(near, (-found.score[near.found],), frame=truth.frame, priority=priority, n_found=len(found))
    got, _ = assign(by_score, np.ones((1, len(found)), dtype=bool))
    hit = _is_hit(got, counts[by_score.truth], valid)
    thresholds = _pick_thresholds(found.score[got[hit]], int(counts.sum()), once_each=as_devkit)

    # Second pass: at each threshold, each label takes the detection that overlaps most, a neutral one only if it must.
    neutral = too_low[near.found]
    by_overlap = rank_choices(
        near, (np.where(neutral, 0.0, -near.iou), neutral), frame=truth.frame, priority=priority, n_found=len(found)
    )
    usable = found.score[None, :] >= thresholds[:, None]  # [t, detections]
    got, given = assign(by_overlap, usable)
    hits = _is_hit(got, counts[by_overlap.truth], valid).sum(axis=1)
    # A detection is not false if it was given to any label, neutral ones too, or lies inside DontCare.
    may_be_false = valid & ~(scene.covered > min_overlap)
    false = (usable & ~given & may_be_false).sum(axis=1)

    precision = np.zeros(RECALL_POINTS)
    precision[: len(thresholds)] = np.divide(hits, hits + false, out=np.zeros(len(hits)), where=hits + false > 0)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return Curve(precision, int(counts.sum()))


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
    """Return ``[t, labels]`` whether a label that counts got a detection that counts."""
    padded = np.append(valid, False)
    return padded[got] & counts[None, :]


def _pick_thresholds(scores: FloatArray, objects: int, *, once_each: bool) -> FloatArray:
    """Return the scores at which recall comes closest to 0, 1/40, 2/40, ..., as far as recall goes.

    Args:
        scores: of all hits.
        objects: labels that count.
        once_each: let a score stand for one recall only, as the devkit does. With fewer than 41 objects its list then
            ends early and even a perfect detector stays below 100; without it, a score there stands for every recall
            it is closest to. From 41 objects on the devkit's rule is the only one.
    """
    once_each = once_each or objects >= RECALL_POINTS
    ranked = np.sort(scores)[::-1]
    last = len(ranked) - 1
    picked: list[float] = []
    wanted = 0.0
    for i, score in enumerate(ranked):
        here, following = (i + 1) / objects, (i + 2) / objects
        while i == last or following - wanted >= wanted - here:
            picked.append(score)
            wanted += 1 / (RECALL_POINTS - 1)
            if once_each or (i == last and wanted > here + 1e-9):
                break
    return np.array(picked[:RECALL_POINTS])
