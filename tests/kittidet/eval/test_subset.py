"""AP of groups of frames is what scoring them alone gives."""

import numpy as np
import pytest

from kittidet.eval.coco import score_coco
from kittidet.eval.matches import match_detections
from kittidet.eval.subset import ap_of_subsets

DRAWS = {"resamples": 50, "confidence": 0.9, "seed": 0}


@pytest.mark.parametrize("count", [1, 7, 30])
def test_the_ap_of_some_frames_is_that_of_scoring_them_alone(synthetic_coco, count):
    truth, rows = synthetic_coco(30)
    ids = {str(image["id"]): image["id"] for image in truth["images"]}
    chosen = list(ids)[:count]
    (found,) = ap_of_subsets(match_detections(truth, rows), ids, {"some": chosen}, **DRAWS)
    wanted = {ids[name] for name in chosen}
    alone = score_coco(
        {
            **truth,
            "images": [image for image in truth["images"] if image["id"] in wanted],
            "annotations": [item for item in truth["annotations"] if item["image_id"] in wanted],
        },
        rows[np.isin(rows[:, 0], list(wanted))],
        engine="pycocotools",
    )
    assert (found.ap, found.ap50) == pytest.approx((alone.ap, alone.ap50), abs=1e-9)
    assert (found.name, found.frames, found.objects) == ("some", count, alone.n_ground_truth)
    low, high = found.interval
    assert low <= found.ap + 0.05
    assert high >= found.ap - 0.05


def test_a_group_without_objects_has_no_ap(synthetic_coco):
    truth, rows = synthetic_coco(5)
    ids = {str(image["id"]): image["id"] for image in truth["images"]}
    empty = truth["images"][0]["id"]
    truth = {**truth, "annotations": [item for item in truth["annotations"] if item["image_id"] != empty]}
    matches = match_detections(truth, rows)
    found = ap_of_subsets(matches, ids, {"none": [], "empty": [str(empty)]}, **DRAWS)
    assert [(one.frames, one.objects, one.ap, one.interval) for one in found] == [
        (0, 0, None, None),
        (1, 0, None, None),
    ]
