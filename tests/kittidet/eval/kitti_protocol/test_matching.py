"""Who gets which detection, checked against one label after the other in plain Python."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kittidet.eval.kitti_protocol.matching import assign, rank_choices
from kittidet.eval.kitti_protocol.rows import Pairs


def pairs_of(rng, labels, detections, frames):
    label_frame = np.sort(rng.integers(0, frames, labels))
    found_frame = np.sort(rng.integers(0, frames, detections))
    truth, found = np.nonzero((label_frame[:, None] == found_frame[None]) & (rng.random((labels, detections)) < 0.5))
    return Pairs(truth, found, np.round(rng.random(len(truth)), 1)), label_frame


def test_nothing_overlaps_and_nothing_is_given():
    empty = np.empty(0, np.int64)
    choices = rank_choices(
        Pairs(empty, empty, np.empty(0)), (np.empty(0),), frame=np.zeros(3, np.int64), priority=np.zeros(3), n_found=2
    )
    got, given_away = assign(choices, np.ones((4, 2), dtype=bool))
    assert got.shape == (4, 0)
    assert not given_away.any()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 25), st.integers(0, 25), st.integers(1, 5))
def test_all_thresholds_at_once_equal_one_label_after_the_other(seed, labels, detections, frames):
    rng = np.random.default_rng(seed)
    pairs, frame = pairs_of(rng, labels, detections, frames)
    priority = rng.integers(0, 2, labels).astype(float)
    usable = rng.random((5, detections)) < 0.7
    choices = rank_choices(pairs, (-pairs.iou,), frame=frame, priority=priority, n_found=detections)
    got, given_away = assign(choices, usable)
    for t in range(5):
        free = usable[t].copy()
        expected = {}
        for label in sorted(range(labels), key=lambda i: (-priority[i], i)):
            mine = pairs.truth == label
            options = [(-iou, j) for j, iou in zip(pairs.found[mine], pairs.iou[mine], strict=True) if free[j]]
            if options:
                expected[label] = min(options)[1]
                free[expected[label]] = False
        assert {label: j for label, j in zip(choices.truth, got[t], strict=True) if j < detections} == expected
        np.testing.assert_array_equal(given_away[t], usable[t] & ~free)
