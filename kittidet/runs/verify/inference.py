"""A seeded sample of the validation images through the run's network again, against the detections it published."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from kittidet.boxes import iou_xyxy
from kittidet.config import EvalConfig
from kittidet.detect.images import ImageError, read_image
from kittidet.frame import Detections
from kittidet.kitti.tree import KittiTree
from kittidet.runs.environment import describe_environment
from kittidet.runs.run import PREDICTIONS, Run
from kittidet.runs.verify.check import Check


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far detections that are made again may stray.

    Attributes:
        score: of a detection, 0..1.
        iou: the least overlap with its counterpart.
        alone: share of detections that may have no counterpart.
    """

    score: float
    iou: float
    alone: float


# On the processor scores are equal to 1e-6 for any batch size, with and without oneDNN. On a GPU operands have 11 bits:
# of 6,000 detections by weights cut to 11 bits 2 had no counterpart, the others differed by up to 0.018.
PROCESSOR = Tolerance(score=1e-3, iou=0.98, alone=0)
ACCELERATOR = Tolerance(score=0.02, iou=0.9, alone=0.01)
_NO_ACCELERATOR = "none"


def check_inference(run: Run, tree: KittiTree, *, sample: int, seed: int) -> Check:
    """Return whether the run's best weights find what was published, in a sample of its validation images.

    Args:
        run: the published run.
        tree: the data it was scored on.
        sample: images; all of them where there are fewer.
        seed: of the draw.

    Raises:
        StoreError, CheckpointMismatchError: if the run has no detections or weights that can be read.
    """
    what = "detections found again"
    stored = {item.frame_id: item for item in run.detections}
    drawn = sorted(random.Random(seed).sample(sorted(stored), min(sample, len(stored))))  # noqa: S311  no secret
    config, detector = run.config.evaluation, run.detector()
    reads = [partial(read_image, tree.image_path(frame_id)) for frame_id in drawn]
    found = detector.predictor.predict_each(reads, config=config, on_failure=_fail)
    tolerance = _tolerance_of(run)
    problems, gaps, count, alone = [], [0.0], 0, 0
    for again in found:
        ours, theirs = stored[again.detections.frame_id], again.detections
        for a, b in ((ours, theirs), (theirs, ours)):
            lonely, gap = unmatched(a, b, config, tolerance)
            gaps.append(gap)
            count += len(a)
            alone += len(lonely)
            if lonely:
                side = "published" if a is ours else "found again"
                problems.append(
                    f"{run.path / PREDICTIONS}: frame {ours.frame_id}: {len(lonely)} of {len(a)} detections {side} "
                    f"have no counterpart, the first of class {run.table.name_of(int(a.class_ids[lonely[0]]))} with "
                    f"score {a.scores[lonely[0]]:.3f}"
                )
    note = f"of {count} detections {alone} differ, scores of the others by up to {max(gaps):.1g}"
    return Check(what, len(drawn), tuple(problems) if alone > tolerance.alone * count else (), note)


def unmatched(a: Detections, b: Detections, config: EvalConfig, tolerance: Tolerance) -> tuple[Sequence[int], float]:
    """Return which detections of ``a`` have no counterpart in ``b``, and the largest difference of scores of the rest.

    Those at the end of a full list, or at the least score that is kept, may be on one side alone: none is asked for.

    Args:
        a: of a frame.
        b: of the same frame.
        config: tells what is kept of a frame.
        tolerance: what counts as the same.
    """
    full = len(a) >= config.max_detections or len(b) >= config.max_detections
    least = max(float(min(a.scores.min(initial=1), b.scores.min(initial=1))) if full else 0, config.score_threshold)
    overlaps = iou_xyxy(a.xyxy, b.xyxy)
    gaps = np.abs(a.scores[:, None] - b.scores[None, :])
    fits = (a.class_ids[:, None] == b.class_ids[None, :]) & (overlaps >= tolerance.iou) & (gaps <= tolerance.score)
    alone = ~fits.any(axis=1)
    lonely = np.flatnonzero(alone & (a.scores >= least + tolerance.score)).tolist()
    matched = np.where(fits, gaps, np.inf)[~alone]
    return lonely, float(matched.min(axis=1).max(initial=0)) if len(matched) else 0.0


def _tolerance_of(run: Run) -> Tolerance:
    places = (run.summary.get("environment", {}), describe_environment())
    on_processors = all(place.get("accelerators") == _NO_ACCELERATOR for place in places)
    return PROCESSOR if on_processors else ACCELERATOR


def _fail(error: ImageError) -> None:
    raise error
