"""Anchors learn what the reference has them learn, with masks that say so."""

from pathlib import Path

import numpy as np
import pytest

from kittidet.boxes import iou_xyxy
from kittidet.model.anchors import build_anchors
from kittidet.training.targets import assign_targets, pairwise_iou

GOLDEN = Path(__file__).parents[3] / "tests" / "golden" / "losses.npz"
ANCHORS = np.array([[0, 0, 10, 10], [0, 0, 10, 8], [40, 40, 50, 50], [80, 80, 90, 90]], np.float32)


def assign(boxes, class_ids, **more):
    boxes = np.array([boxes], np.float32).reshape(1, -1, 4)
    return assign_targets(boxes, np.array([class_ids], np.int32).reshape(1, -1), ANCHORS, **more)


@pytest.mark.parametrize(("boxes", "ids"), [([], []), ([(0, 0, 10, 10)], [0])])
def test_no_boxes_or_only_padding_leave_every_anchor_background(boxes, ids):
    targets = assign(boxes, ids)
    assert not np.asarray(targets.is_positive).any()
    assert not np.asarray(targets.is_ignored).any()
    assert not np.asarray(targets.class_ids).any()
    assert not np.asarray(targets.box_codes).any()
    assert np.asarray(targets.num_positives).tolist() == [0]


def test_an_anchor_learns_the_box_it_overlaps_by_half_or_more():
    targets = assign([(0, 0, 10, 10)], [3])
    assert np.asarray(targets.is_positive)[0].tolist() == [True, True, False, False]
    assert np.asarray(targets.class_ids)[0].tolist() == [3, 3, 0, 0]


def test_every_box_gets_its_best_anchor_however_small_the_overlap():
    targets = assign([(38, 38, 43, 43)], [1])
    assert np.asarray(targets.is_positive)[0].tolist() == [False, False, True, False]


def test_a_forced_match_overrides_a_better_one_and_the_first_box_wins():
    # Anchor 1 is the best one of both boxes; the second, an exact duplicate, gets what is left: nothing by force.
    targets = assign([(0, 0, 10, 8), (0, 0, 10, 8)], [1, 2])
    assert np.asarray(targets.class_ids)[0].tolist() == [1, 1, 0, 0]


def test_a_box_that_touches_no_anchor_gets_none():
    assert not np.asarray(assign([(200, 200, 210, 210)], [1]).is_positive).any()


def test_anchors_mostly_inside_dont_care_are_ignored_unless_positive():
    dont_care = np.array([[[0, 0, 10, 10], [40, 40, 45, 50], [80, 80, 86, 90], [0, 0, 0, 0]]], np.float32)
    targets = assign([(0, 0, 10, 10)], [1], dont_care_xyxy=dont_care)
    # Anchor 2 is covered by exactly half, which is not more than half.
    assert np.asarray(targets.is_ignored)[0].tolist() == [False, False, False, True]


def test_anchors_inside_a_region_of_one_class_are_ignored_for_it_alone_unless_they_have_an_object_of_it():
    # Of class 2; of all; of class 1; padding.
    regions = np.array([[[0, 0, 10, 10], [40, 40, 50, 50], [80, 80, 90, 90], [0, 0, 0, 0]]], np.float32)
    more = {"dont_care_xyxy": regions, "dont_care_class_ids": np.array([[2, 0, 1, 0]], np.int32), "num_classes": 3}
    nothing = np.asarray(assign([], [], **more).is_ignored)[0].tolist()
    assert nothing == [[False, True, False], [False, True, False], [True, True, True], [True, False, False]]
    # Anchors 0 and 1 have an object of class 3: they go on learning that it is one, and not whether it is a 2.
    of_another = np.asarray(assign([(0, 0, 10, 10)], [3], **more).is_ignored)[0].tolist()
    assert of_another[:2] == [[False, True, False]] * 2
    of_its_own = np.asarray(assign([(0, 0, 10, 10), (40, 40, 50, 50)], [2, 1], **more).is_ignored)[0].tolist()
    assert of_its_own[:3] == [[False] * 3] * 3


def test_regions_that_are_all_of_all_classes_are_what_they_are_without_classes():
    draws = np.random.default_rng(5)
    low = draws.uniform(0, 60, (1, 9, 2))
    regions = np.concatenate([low, low + draws.uniform(0, 60, (1, 9, 2))], axis=2).astype(np.float32)
    plain = assign([(0, 0, 10, 10)], [1], dont_care_xyxy=regions)
    ids = np.zeros((1, 9), np.int32)
    by_class = assign([(0, 0, 10, 10)], [1], dont_care_xyxy=regions, dont_care_class_ids=ids, num_classes=2)
    expected = np.repeat(np.asarray(plain.is_ignored)[..., None], 2, axis=2)
    assert expected.any()
    np.testing.assert_array_equal(np.asarray(by_class.is_ignored), expected)


def test_iou_equals_the_numpy_twin():
    draws = np.random.default_rng(1)
    low = draws.uniform(0, 60, (40, 2)).round()
    boxes = np.concatenate([low, low + draws.uniform(0, 40, (40, 2)).round()], axis=1).astype(np.float32)
    found = np.asarray(pairwise_iou(boxes[None, :15], boxes[15:]))[0]
    np.testing.assert_allclose(found, iou_xyxy(boxes[:15], boxes[15:]), atol=1e-7)


@pytest.mark.parametrize("case", ["car_like", "overlap", "edges", "empty"])
def test_targets_equal_the_references_excerpt(case):
    with np.load(GOLDEN) as golden:
        boxes, labels = golden[f"{case}/boxes_xyxy"], golden[f"{case}/labels"]
        expected = {k: golden[f"{case}/{k}"] for k in ("positive", "class_ids", "codes")}
    # Two rows of padding change nothing.
    targets = assign_targets(
        np.pad(boxes, [(0, 2), (0, 0)])[None], np.pad(labels, (0, 2))[None], build_anchors("d0", input_hw=(512, 512))
    )
    is_positive = np.asarray(targets.is_positive)[0]
    np.testing.assert_array_equal(np.flatnonzero(is_positive), expected["positive"])
    np.testing.assert_array_equal(np.asarray(targets.class_ids)[0][is_positive], expected["class_ids"])
    np.testing.assert_allclose(np.asarray(targets.box_codes)[0][is_positive], expected["codes"], atol=1e-6)
    assert float(targets.num_positives[0]) == len(expected["positive"])
