"""Intervals of official AP: a weighted frame is a frame that occurs that often, to the bit."""

from dataclasses import replace

import numpy as np
import pytest

from kittidet.config import CompareConfig
from kittidet.eval.bootstrap import draw_weights
from kittidet.eval.kitti_protocol import kitti_ap
from kittidet.eval.kitti_protocol.curves import average_r11, average_r40, weighted_precision
from kittidet.eval.kitti_protocol.intervals import class_intervals
from kittidet.eval.kitti_protocol.outcomes import LEVELS, find_outcomes
from kittidet.eval.kitti_protocol.scene import build_scene
from kittidet.frame import KittiObject

OVERLAPS = {"Car": 0.7, "Pedestrian": 0.5, "Cyclist": 0.5}


def crowded_labels(seed, frames):
    """Groups whose members overlap, of every kind, size and occlusion, with a DontCare region."""
    rng = np.random.default_rng(seed)
    kinds = ("Car", "Van", "Pedestrian", "Person_sitting", "Cyclist", "Truck")
    labels = {}
    for number in range(frames):
        rows = []
        for _ in range(rng.integers(0, 14)):
            centre = rng.choice([150, 400, 800], 1)[0] + rng.normal(0, 15), 150 + rng.normal(0, 8)
            half = rng.uniform((20, 8), (45, 45))
            box = np.round([*(centre - half), *(centre + half)], 2)
            hidden, cut = int(rng.integers(0, 4)), float(np.round(rng.uniform(0, 0.6), 2))
            rows.append(row(str(rng.choice(kinds)), box, hidden, cut))
        labels[f"{number:06d}"] = [*rows, row("DontCare", (380, 100, 480, 220), -1, -1)]
    return labels


def crowded_results(labels, seed):
    """Two guesses a label, some of them wrong, of few different scores; and boxes near nothing."""
    rng = np.random.default_rng(seed + 1000)
    results = {}
    for frame, rows in labels.items():
        found = []
        for item in [o for o in rows if not o.is_dont_care for _ in range(2)]:
            box = np.sort(np.reshape(item.xyxy, (2, 2)) + rng.normal(0, 4, (2, 2)), axis=0).ravel()
            kind = item.type if rng.random() < 0.8 else "Car"
            found.append(replace(row(kind, box, -1, -1), score=float(np.round(rng.random(), 2))))
        alone = [row("Car", (left, 200, left + 60, 250), -1, -1) for left in rng.uniform(0, 1100, 2)]
        results[frame] = found + [replace(item, score=float(rng.random())) for item in alone]
    return results


def row(kind, xyxy, occluded, truncated):
    return KittiObject(kind, truncated, occluded, -10, tuple(xyxy), (-1, -1, -1), (-1000, -1000, -1000), -10)


def weighted_ap(labels, results, weights, *, as_devkit=True):
    """AP R40 and R11 of each draw, ``[draws, classes, 6]``; NaN where no object is drawn."""
    scene = build_scene(labels, results, keep_order=as_devkit, above_iou=0.5)
    ap = np.empty((len(weights), len(OVERLAPS), 6))
    for k, (name, overlap) in enumerate(OVERLAPS.items()):
        for place, level in enumerate(LEVELS):
            outcomes = find_outcomes(scene, name.lower(), overlap, level, as_devkit=as_devkit)
            precision = weighted_precision(outcomes, weights, as_devkit=as_devkit)
            precision[weights @ outcomes.objects == 0] = np.nan
            ap[:, k, place], ap[:, k, 3 + place] = average_r40(precision), average_r11(precision)
    return ap


def plain_ap(labels, results, *, as_devkit=True):
    scores = kitti_ap(labels, results, order_free=not as_devkit)
    table = scores.official if as_devkit else scores.order_free
    return np.array([[np.nan if v is None else v for v in (*s.r40, *s.r11)] for s in table.values()])


def repeated(table, weights):
    """The set in which frame i occurs ``weights[i]`` times, under new names."""
    copies = zip(sorted(table), weights, strict=True)
    return {f"{name}-{copy}": table[name] for name, weight in copies for copy in range(weight)}


@pytest.mark.parametrize("as_devkit", [True, False])
@pytest.mark.parametrize(("seed", "frames"), [(0, 12), (1, 40), (2, 90)])
def test_a_weighted_frame_equals_one_that_occurs_that_often(seed, frames, as_devkit):
    labels = crowded_labels(seed, frames)
    results = crowded_results(labels, seed)
    once, one_twice = np.ones(frames, np.int64), np.ones(frames, np.int64)
    one_twice[frames // 2] = 2
    weights = np.stack([once, one_twice, *draw_weights(frames, resamples=3, seed=seed)])
    ap = weighted_ap(labels, results, weights, as_devkit=as_devkit)
    np.testing.assert_array_equal(ap[0], plain_ap(labels, results, as_devkit=as_devkit))
    assert (ap[0] != ap[1]).any()
    for draw, weight in zip(ap, weights, strict=True):
        again = plain_ap(repeated(labels, weight), repeated(results, weight), as_devkit=as_devkit)
        np.testing.assert_array_equal(draw, again)


def test_scores_carry_intervals_only_where_asked_for_and_they_hold_the_number():
    labels = crowded_labels(3, 60)
    results = crowded_results(labels, 3)
    plain, drawn = (kitti_ap(labels, results, draws=draws) for draws in (None, CompareConfig(resamples=200)))
    assert plain.to_json()["intervals"] == {}
    for name, score in drawn.official.items():
        assert plain.official[name].intervals is None
        assert score.r40 == plain.official[name].r40
        intervals = drawn.to_json()["intervals"][name]
        for numbers, pairs in ((score.r40, intervals["R40"]), (score.r11, intervals["R11"])):
            for value, (low, high) in zip(numbers, pairs, strict=True):
                assert low <= value <= high
                assert low < high
    again = kitti_ap(labels, results, draws=CompareConfig(resamples=200))
    assert again.to_json()["intervals"] == drawn.to_json()["intervals"]


def test_a_class_without_objects_has_no_interval():
    labels = {name: [o for o in rows if o.type != "Cyclist"] for name, rows in crowded_labels(4, 10).items()}
    score = kitti_ap(labels, crowded_results(labels, 4), draws=CompareConfig(resamples=100)).official["Cyclist"]
    assert score.intervals.r40 == score.intervals.r11 == (None, None, None)


def test_more_confidence_is_a_wider_interval():
    labels = crowded_labels(5, 50)
    scene = build_scene(labels, crowded_results(labels, 5), keep_order=True, above_iou=0.7)
    levels = [find_outcomes(scene, "car", 0.7, level, as_devkit=True) for level in LEVELS]
    weights = draw_weights(50, resamples=300, seed=0)
    narrow, wide = (class_intervals(levels, weights, confidence=share).r40[1] for share in (0.5, 0.95))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
