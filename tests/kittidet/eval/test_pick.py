"""The chance that a pick is the best is that of its AP being the highest on other draws of the frames."""

import numpy as np
import pytest

from kittidet.classes import KITTI8
from kittidet.eval.coco_format import coco_ground_truth, result_rows
from kittidet.eval.pick import chances_of_best
from kittidet.frame import Detections


@pytest.fixture
def candidates(synthetic_frames):
    """Ground truth, and the detections of a perfect candidate that misses the frames it is told to."""
    truth = coco_ground_truth(synthetic_frames, KITTI8)
    ids = {image["frame_id"]: image["id"] for image in truth["images"]}

    def without(missed):
        found = []
        for number, frame in enumerate(synthetic_frames):
            xyxy, class_ids = frame.labelled(KITTI8)
            count = 0 if number in missed else len(xyxy)
            scores = np.linspace(0.9, 0.5, len(xyxy), dtype=np.float32)
            found.append(Detections(frame.frame_id, xyxy[:count], scores[:count], class_ids[:count]))
        return result_rows(found, ids, KITTI8)

    return truth, without


def test_the_one_that_is_better_on_every_frame_is_the_best_for_certain(candidates):
    truth, without = candidates
    chances = chances_of_best(truth, [without({0, 1, 2, 3, 4, 5, 6, 7}), without(set())], resamples=100, seed=0)
    assert chances[1] > 0.95
    assert sum(chances) == pytest.approx(1)


def test_two_that_each_miss_frames_of_their_own_are_each_the_best_on_some_draws(candidates):
    truth, without = candidates
    chances = chances_of_best(truth, [without({0, 1, 2}), without({3, 4, 5})], resamples=100, seed=0)
    assert min(chances) > 0.02
    assert sum(chances) == pytest.approx(1)


def test_nobody_is_sure_of_a_pick_among_equals(candidates):
    truth, without = candidates
    found, nothing = without(set()), without(set(range(8)))
    assert chances_of_best(truth, [found, found], resamples=100, seed=0) == [0.5, 0.5]
    assert chances_of_best(truth, [nothing] * 4, resamples=100, seed=0) == [0.25] * 4
