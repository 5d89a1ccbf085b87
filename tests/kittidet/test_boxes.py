"""kittidet.boxes: areas and overlaps with real extents, no +1 pixel."""

import numpy as np
import pytest

from kittidet.boxes import (
    area_xyxy,
    clip_xyxy,
    coverage_of_pairs,
    coverage_xyxy,
    intersection_xyxy,
    iou_of_pairs,
    iou_xyxy,
)

EMPTY = np.zeros((0, 4), np.float32)
UNIT = np.array([[0, 0, 10, 10]], np.float32)


@pytest.mark.parametrize("function", [intersection_xyxy, iou_xyxy, coverage_xyxy])
@pytest.mark.parametrize(("a", "b", "shape"), [(EMPTY, EMPTY, (0, 0)), (EMPTY, UNIT, (0, 1)), (UNIT, EMPTY, (1, 0))])
def test_no_boxes_give_an_empty_table(function, a, b, shape):
    assert function(a, b).shape == shape


@pytest.mark.parametrize(
    ("other", "iou", "coverage"),
    [
        ([0, 0, 10, 10], 1.0, 1.0),
        ([10, 0, 20, 10], 0.0, 0.0),
        ([5, 0, 15, 10], 1 / 3, 0.5),
        ([0, 0, 20, 20], 0.25, 1.0),
        ([2, 2, 4, 4], 0.04, 0.04),
        ([5, 5, 5, 5], 0.0, 0.0),
        ([8, 8, 2, 2], 0.0, 0.0),
    ],
)
def test_overlap_of_a_ten_pixel_square(other, iou, coverage):
    b = np.array([other], np.float32)
    assert iou_xyxy(UNIT, b)[0, 0] == pytest.approx(iou)
    assert coverage_xyxy(UNIT, b)[0, 0] == pytest.approx(coverage)


def test_iou_is_symmetric_and_bounded():
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 100, (40, 2))
    boxes = np.concatenate([low, low + rng.uniform(0, 50, (40, 2))], axis=1)
    table = iou_xyxy(boxes, boxes)
    np.testing.assert_allclose(table, table.T)
    np.testing.assert_allclose(np.diag(table), 1.0)
    assert table.min() >= 0
    assert table.max() <= 1 + 1e-12


def test_an_inverted_box_has_no_area():
    assert area_xyxy(np.array([[5, 5, 1, 9]], np.float32))[0] == 0


def test_boxes_are_clipped_to_the_frame():
    clipped = clip_xyxy(np.array([[-3, 5, 200, 90]], np.float32), (100, 50))
    np.testing.assert_array_equal(clipped, [[0, 5, 100, 50]])
    assert clipped.dtype == np.float32


@pytest.mark.parametrize(("pairs", "pairwise"), [(iou_of_pairs, iou_xyxy), (coverage_of_pairs, coverage_xyxy)])
def test_of_pairs_is_the_diagonal_of_pairwise(pairs, pairwise):
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 50, (2, 40, 2))
    a, b = np.concatenate([low, low + rng.uniform(0, 60, low.shape)], axis=2)
    np.testing.assert_array_equal(pairs(a, b), np.diagonal(pairwise(a, b)))
    assert (pairs(a, b) > 0).any()
    assert pairs(a[:0], b[:0]).shape == (0,)
