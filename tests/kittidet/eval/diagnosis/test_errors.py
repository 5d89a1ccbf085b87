"""Kinds of errors, one of each by hand."""

import numpy as np
import pytest

from kittidet.eval.coco import hotcoco_evaluator
from kittidet.eval.diagnosis.errors import calibration, confusion, tide_errors


@pytest.fixture
def one_of_each():
    """Six cars in six frames: found; found as a tram; found twice; box off; both; missed. And a box on nothing."""
    box = [100, 100, 100, 100]
    truth = {
        "images": [{"id": i} for i in range(7)],
        "annotations": [
            {"id": i + 1, "image_id": i, "category_id": 1, "bbox": box, "area": 10000, "iscrowd": 0} for i in range(6)
        ],
        "categories": [{"id": 1, "name": "Car"}, {"id": 2, "name": "Tram"}],
    }
    off = [100, 100, 100, 35]
    rows = [
        [0, *box, 0.95, 1],
        [1, *box, 0.9, 2],
        [2, *box, 0.85, 1],
        [2, *box, 0.8, 1],
        [3, *off, 0.75, 1],
        [4, *off, 0.7, 2],
        [6, *box, 0.65, 1],
    ]
    return hotcoco_evaluator(truth, np.array(rows, float))


def test_each_kind_of_error_is_counted(one_of_each):
    # A box that is both misplaced and misnamed accounts for no object, so its car counts as missed too.
    errors = {one.kind: one for one in tide_errors(one_of_each)}
    assert {kind: one.count for kind, one in errors.items()} == {
        "Cls": 1,
        "Loc": 1,
        "Both": 1,
        "Dupe": 1,
        "Bkg": 1,
        "Miss": 2,
    }
    assert all(one.meaning for one in errors.values())
    assert errors["Miss"].lost_ap50 > 0
    assert all(0 <= one.lost_ap50 <= 1 for one in errors.values())


def test_rows_are_labels_columns_detections_background_last(one_of_each):
    table = confusion(one_of_each, min_score=0.5, min_iou=0.5)
    assert table.names == ("Car", "Tram", "background")
    # Found twice counts as found and as a detection of nothing; so does each box that is off, beside its missed car.
    assert table.counts.tolist() == [[2, 1, 3], [0, 0, 0], [3, 1, 0]]


def test_detections_below_the_score_are_left_out(one_of_each):
    table = confusion(one_of_each, min_score=0.92, min_iou=0.5)
    assert table.counts.tolist() == [[1, 0, 5], [0, 0, 0], [0, 0, 0]]
    assert table.min_score == 0.92


def test_calibration_tells_scores_from_shares(one_of_each):
    found = calibration(one_of_each, min_iou=0.5)
    assert sum(one.count for one in found.bins) == 7
    assert sum(one.count for one in found.bins[:6]) == 0
    top = found.bins[9]
    assert (top.low, top.high) == pytest.approx((0.9, 1.0))
    assert 0 < found.expected_error <= found.largest_error <= 1
    assert set(found.per_class) == {"Car", "Tram"}
    assert sum(one.share_right * one.count for one in found.bins) == pytest.approx(2)
