"""What was matched, as arrays."""

import numpy as np
import pytest

from kittidet.eval.matches import match_detections


def one_car(boxes, scores, crowd=0):
    truth = {
        "images": [{"id": 3}, {"id": 8}],
        "annotations": [
            {"id": 1, "image_id": 8, "category_id": 1, "bbox": [0, 0, 100, 100], "area": 10000, "iscrowd": crowd}
        ],
        "categories": [{"id": 1, "name": "Car"}],
    }
    rows = np.array([[8, *box, score, 1] for box, score in zip(boxes, scores, strict=True)]).reshape(-1, 7)
    return match_detections(truth, rows)


def test_without_detections_there_are_labels_only():
    (car,) = one_car([], []).classes
    assert car.name == "Car"
    assert car.score.shape == (0,)
    assert car.is_right.shape == (10, 0)
    assert car.labels.tolist() == [0, 1]


def test_a_label_has_one_right_detection_at_each_overlap_it_reaches():
    matches = one_car([(0, 0, 100, 60), (0, 0, 100, 80), (200, 0, 50, 50)], [0.3, 0.9, 0.5])
    (car,) = matches.classes
    assert matches.image_ids.tolist() == [3, 8]
    assert car.score.tolist() == [0.9, 0.5, 0.3]
    assert car.image.tolist() == [1, 1, 1]
    # IoU .8 holds up to the threshold .80; the surer box takes the label, the one of IoU .6 finds it taken.
    assert car.is_right[:, 0].tolist() == [True] * 7 + [False] * 3
    assert not car.is_right[:, 1:].any()
    assert car.counts.all()


def test_a_detection_on_an_ignored_region_counts_neither_way():
    (car,) = one_car([(0, 0, 50, 50)], [0.9], crowd=1).classes
    assert car.labels.sum() == 0
    assert not car.counts.any()
    assert not car.is_right.any()


def test_scores_do_not_increase_and_labels_are_all_there(synthetic_coco):
    truth, rows = synthetic_coco(30)
    matches = match_detections(truth, rows)
    assert [one.name for one in matches.classes] == ["Car", "Pedestrainn", "Tram"]
    assert sum(one.labels.sum() for one in matches.classes) == len(truth["annotations"])
    assert sum(len(one.score) for one in matches.classes) == len(rows)
    for one in matches.classes:
        assert (np.diff(one.score) <= 0).all()
        assert (one.is_right.sum(axis=1) <= one.labels.sum()).all()
        assert (np.diff(one.is_right.sum(axis=1)) <= 0).all()
    assert not matches.classes[2].labels.any()


@pytest.mark.parametrize("crowds", [0, 2])
def test_ignored_labels_are_not_counted(synthetic_coco, crowds):
    truth, rows = synthetic_coco(20, crowds=crowds)
    matches = match_detections(truth, rows)
    counted = sum(not item["iscrowd"] for item in truth["annotations"])
    assert sum(one.labels.sum() for one in matches.classes) == counted
