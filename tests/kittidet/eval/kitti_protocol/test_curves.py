"""Where recall is sampled, and what precision is there."""

from dataclasses import replace

import numpy as np
import pytest

from kittidet.eval.kitti_protocol import kitti_ap
from kittidet.eval.kitti_protocol.curves import pick_positions
from kittidet.frame import KittiObject


def pick(hits, objects, *, once_each):
    (places,) = pick_positions(np.array([hits]), np.array([objects]), once_each=once_each)
    reached = places[places >= 0]
    np.testing.assert_array_equal(places[len(reached) :], -1)
    return reached


def devkits_walk(hits, objects, *, once_each):
    """The devkit's loop over all hits, one by one."""
    picked, wanted = [], 0.0
    for i in range(hits):
        here, following = (i + 1) / objects, (i + 2) / objects
        while i == hits - 1 or following - wanted >= wanted - here:
            picked.append(i)
            wanted += 1 / 40
            if once_each or objects >= 41 or (i == hits - 1 and wanted > here + 1e-9):
                break
    return picked[:41]


@pytest.mark.parametrize("once_each", [False, True])
def test_without_hits_there_is_no_threshold(once_each):
    assert pick(0, 5, once_each=once_each).size == 0
    assert pick(0, 0, once_each=once_each).size == 0


@pytest.mark.parametrize("once_each", [False, True])
def test_the_places_are_those_of_the_devkits_walk_over_all_hits(once_each):
    for objects in (*range(1, 90), 400, 1000, 2047):
        for hits in {1, 2, objects // 3, objects // 2 + 1, objects - 1, objects} - {0}:
            places = pick(min(hits, objects), objects, once_each=once_each)
            assert places.tolist() == devkits_walk(min(hits, objects), objects, once_each=once_each)


@pytest.mark.parametrize("objects", [41, 43, 50, 59, 100, 1000])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.77, 1.0])
def test_from_41_objects_on_the_devkits_rule_is_the_only_one(objects, share):
    hits = max(1, int(share * objects))
    ours, devkit = (pick(hits, objects, once_each=flag) for flag in (False, True))
    np.testing.assert_array_equal(ours, devkit)
    assert len(ours) <= 41
    assert (np.diff(ours) >= 0).all()


def test_a_thousand_hits_of_a_thousand_objects_give_41_thresholds_a_fortieth_apart():
    np.testing.assert_allclose(pick(1000, 1000, once_each=True) + 1, [1, *range(25, 1001, 25)], atol=1)


@pytest.mark.parametrize(("hits", "reached"), [(1, 11), (2, 21), (4, 41)])
def test_with_four_objects_each_recall_up_to_the_last_is_sampled(hits, reached):
    assert len(pick(hits, 4, once_each=False)) == reached
    assert len(pick(hits, 4, once_each=True)) == hits


def test_precision_at_a_recall_is_the_best_from_there_on():
    """One false detection above 50 hits costs every recall the same: 50 of 51 are right in the end."""
    box = (0.0, 0.0, 100.0, 50.0)
    car = KittiObject("Car", 0, 0, -10, box, (-1, -1, -1), (-1000, -1000, -1000), -10)
    labels = {f"{i:06d}": [car] for i in range(50)}
    hits = {f: [replace(car, score=0.9 - i / 100)] for i, f in enumerate(labels)}
    hits["000000"].append(replace(car, xyxy=(500.0, 0.0, 600.0, 50.0), score=0.99))
    (easy, *_) = kitti_ap(labels, hits).official["Car"].precision
    assert easy == pytest.approx(np.full(41, 50 / 51))
