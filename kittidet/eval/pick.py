"""How sure it is that the checkpoint with the highest AP is the best: on other frames of the same roads, would it be?

Checkpoints of one training differ by less than the choice of validation frames does; all are scored on the same draws.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kittidet.eval.bootstrap import all_class_ap, draw_weights, mean_ap
from kittidet.eval.coco_format import ResultArray
from kittidet.eval.matches import match_detections


def chances_of_best(
    ground_truth: Mapping[str, Any], results: Sequence[ResultArray], *, resamples: int, seed: int
) -> list[float]:
    """Return for each set of detections the share of draws in which its AP is the highest; equals share a draw.

    Args:
        ground_truth: as ``coco_format.coco_ground_truth`` makes it.
        results: of each candidate, as ``coco_format.result_rows`` makes them.
        resamples: draws of the frames.
        seed: of the draws.
    """
    weights = draw_weights(len(ground_truth["images"]), resamples=resamples, seed=seed)
    ap = [mean_ap(all_class_ap(match_detections(ground_truth, rows), weights).mean(axis=2)) for rows in results]
    # A draw without any labelled object has no best.
    drawn = np.stack(ap)[:, ~np.isnan(ap[0])]
    highest = drawn == drawn.max(axis=0)
    return [float(share) for share in (highest / highest.sum(axis=0)).sum(axis=1) / max(1, drawn.shape[1])]
