"""Frames and detections as COCO dictionaries, and back."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kittidet.classes import ClassTable
from kittidet.errors import EvaluationError
from kittidet.eval.coco_format import coco_ground_truth, coco_results, image_ids, result_rows, rows_from_results
from kittidet.frame import Detections, Frame, KittiObject

TABLE = ClassTable(("Car", "Pedestrainn"))


def item(kind, xyxy):
    return KittiObject(kind, 0, 0, -10, xyxy, (-1, -1, -1), (-1000, -1000, -1000), -10)


FRAME = Frame(
    "000007",
    Path("image_2/000007.png"),
    (1242, 375),
    (item("Van", (0, 0, 9, 9)), item("Pedestrainn", (10.5, 20.25, 30.5, 60.25)), item("DontCare", (1, 2, 3, 4))),
)
FOUND = Detections(
    "000007", np.array([[1, 2, 4, 8]], np.float32), np.array([0.75], np.float32), np.array([2], np.int32)
)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], {}),
        (["000000", "000012"], {"000000": 0, "000012": 12}),
        (["b", "a"], {"b": 1, "a": 2}),
        (["7", "007"], {"7": 1, "007": 2}),
        (["²", "1"], {"²": 1, "1": 2}),
    ],
)
def test_an_image_id_is_the_frames_number_where_it_has_one(names, expected):
    assert image_ids(names) == expected


def test_repeated_frames_are_named():
    with pytest.raises(EvaluationError, match="2 frames are there more than once: 000001, 000002"):
        image_ids(["000002", "000001", "000002", "000001", "000003"])


def test_labels_are_clipped_to_their_image():
    """Case: box_outside_clip."""
    frame = replace(FRAME, objects=(item("Car", (-33.65, 300, 1300, 376)), item("DontCare", (-5, -5, 5, 5))))
    car, region, _ = coco_ground_truth([frame], TABLE, ignore_dont_care=True)["annotations"]
    assert (car["bbox"], car["area"]) == ([0, 300, 1242, 75], 1242 * 75)
    assert region["bbox"] == [0, 0, 5, 5]


def test_labels_keep_their_pixels_and_types_outside_of_the_table_are_left_out():
    truth = coco_ground_truth([FRAME], TABLE)
    assert truth["images"] == [{"id": 7, "file_name": "000007.png", "frame_id": "000007", "width": 1242, "height": 375}]
    assert truth["annotations"] == [
        {"id": 1, "image_id": 7, "category_id": 2, "bbox": [10.5, 20.25, 20.0, 40.0], "area": 800.0, "iscrowd": 0}
    ]
    assert truth["categories"] == [{"id": 1, "name": "Car"}, {"id": 2, "name": "Pedestrainn"}]
    assert json.loads(json.dumps(truth)) == truth


def test_dont_care_becomes_a_crowd_box_of_each_class_when_asked_for():
    crowds = [a for a in coco_ground_truth([FRAME], TABLE, ignore_dont_care=True)["annotations"] if a["iscrowd"]]
    assert [(a["category_id"], a["bbox"]) for a in crowds] == [(1, [1, 2, 2, 2]), (2, [1, 2, 2, 2])]
    assert len({a["id"] for a in crowds}) == 2


def test_results_go_to_json_and_back():
    items = json.loads(json.dumps(coco_results([FRAME], [FOUND], TABLE)))
    assert items == [{"image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 6], "score": 0.75}]
    rows = rows_from_results(items, where="predictions.json")
    np.testing.assert_array_equal(rows, result_rows([FOUND], {"000007": 7}, TABLE))
    assert rows_from_results([], where="predictions.json").shape == (0, 7)


@pytest.mark.parametrize(
    "wrong",
    [
        {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3]},
        {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3], "score": 0.5},
        {"image_id": 1, "category_id": 1, "bbox": [1, 2, -3, 4], "score": 0.5},
        {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, float("nan")], "score": 0.5},
        {"image_id": "x", "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5},
        "text",
    ],
)
def test_a_wrong_result_is_named(wrong):
    good = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}
    with pytest.raises(EvaluationError, match=r"predictions\.json: entry 1: expected"):
        rows_from_results([good, wrong], where="predictions.json")
