"""What happens to labels and detections as the score threshold sinks, by hand."""

import numpy as np

from kittidet.eval.kitti_protocol.outcomes import LEVELS, find_outcomes
from kittidet.eval.kitti_protocol.scene import build_scene
from kittidet.frame import KittiObject


def row(left, score=None, kind="Car", occluded=0, height=100):
    box = (float(left), 0.0, left + 100.0, float(height))
    return KittiObject(kind, 0, occluded, -10, box, (-1, -1, -1), (-1000, -1000, -1000), -10, score)


def outcomes(labels, results):
    scene = build_scene(labels, results, keep_order=True, above_iou=0.5)
    return find_outcomes(scene, "car", 0.7, LEVELS[0], as_devkit=True)


def listed(events):
    return list(zip(events.score.tolist(), events.frame.tolist(), strict=True))


def test_an_empty_frame_is_a_frame_without_events():
    found = outcomes({"a": [row(0)], "b": []}, {})
    assert found.objects.tolist() == [1, 0]
    assert [len(events.score) for events in (found.reached, found.hits, found.false)] == [0, 0, 0]


def test_a_better_placed_detection_of_a_lower_score_takes_the_label_and_leaves_the_surer_one_false():
    found = outcomes({"a": [row(0)], "b": [row(0, occluded=2)]}, {"a": [row(10, 0.9), row(0, 0.6)]})
    # At any score the surest detection is the hit that counts for the threshold, .9, below which nothing is asked.
    assert listed(found.reached) == listed(found.hits) == [(0.9, 0)]
    assert listed(found.false) == []
    assert found.objects.tolist() == [1, 0]
    # With a second frame whose hit lies lower, the first frame's later changes count as well.
    found = outcomes({"a": [row(0)], "b": [row(0)]}, {"a": [row(10, 0.9), row(0, 0.6)], "b": [row(0, 0.5)]})
    assert listed(found.hits) == [(0.9, 0), (0.5, 1)]
    assert listed(found.false) == [(0.6, 0)]


def test_a_lower_score_can_make_a_detection_false_that_a_label_had_taken():
    """Once the first label has its own, the second takes what that one leaves, and what it had lies idle."""
    labels = {"a": [row(0), row(24)], "b": [row(0)]}
    results = {"a": [row(12, 0.9), row(12, 0.8), row(0, 0.5)], "b": [row(0, 0.1)]}
    found = outcomes(labels, results)
    assert listed(found.hits) == [(0.9, 0), (0.8, 0), (0.1, 1)]
    assert listed(found.false) == [(0.5, 0)]
    neutral = outcomes({"a": [row(0, kind="Van")], "b": [row(0)]}, {"a": [row(0, 0.9)], "b": [row(0, 0.1)]})
    assert listed(neutral.false) == []


def test_events_until_a_threshold_include_those_at_it():
    found = outcomes({"a": [row(0)], "b": [row(0)]}, {"a": [row(0, 0.9)], "b": [row(0, 0.5)]})
    np.testing.assert_array_equal(found.hits.until(np.array([0.95, 0.9, 0.6, 0.5, 0.1])), [0, 1, 1, 2, 2])


def test_a_detection_too_low_for_the_level_takes_the_label_back_from_nobody():
    """At easy, 40 px, a detection of 39 px is neutral: chosen only where no other is there, and never false."""
    labels = {"a": [row(0, height=50)], "b": [row(0)]}
    found = outcomes(labels, {"a": [row(0, 0.9, height=39), row(0, 0.5, height=50)], "b": [row(0, 0.1)]})
    assert listed(found.reached) == [(0.1, 1)]
    assert listed(found.hits) == [(0.5, 0), (0.1, 1)]
    assert listed(found.false) == []
