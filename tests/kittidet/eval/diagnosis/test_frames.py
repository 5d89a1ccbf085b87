"""Worst frames and doubtful labels."""

import pytest

from kittidet.classes import ClassTable
from kittidet.eval.coco import hotcoco_evaluator
from kittidet.eval.coco_format import coco_ground_truth, result_rows
from kittidet.eval.diagnosis.frames import likely_label_errors, worst_frames

TABLE = ClassTable(("Car", "Tram"))
LEFT, RIGHT = (10, 10, 110, 100), (300, 10, 350, 60)


@pytest.fixture
def scene(make_frame, make_found):
    frames = [
        make_frame(0, ("Car", LEFT)),
        make_frame(1, ("Car", LEFT), ("Car", RIGHT)),
        make_frame(2, ("Tram", LEFT), ("DontCare", (280, 0, 400, 100))),
        make_frame(3),
    ]
    found = [
        make_found(0, (1, LEFT, 0.9)),
        make_found(1, (1, (700, 10, 800, 60), 0.95), (1, LEFT, 0.2)),
        make_found(2, (1, LEFT, 0.8), (1, RIGHT, 0.99)),
    ]
    truth = coco_ground_truth(frames, TABLE)
    ids = {image["frame_id"]: image["id"] for image in truth["images"]}
    return truth, result_rows(found, ids, TABLE), frames


def test_the_frame_with_most_errors_is_first_and_perfect_frames_are_not_listed(scene):
    truth, results, _ = scene
    worst = worst_frames(truth, results, count=5, min_score=0.5, min_iou=0.5)
    assert [(one.frame_id, one.right, one.false, one.missed, one.f1) for one in worst] == [
        ("000001", 0, 1, 2, 0),
        ("000002", 0, 2, 1, 0),
    ]
    assert worst_frames(truth, results, count=1, min_score=0.5, min_iou=0.5) == worst[:1]
    assert worst_frames(truth, results, count=0, min_score=0.5, min_iou=0.5) == ()
    lower = worst_frames(truth, results, count=5, min_score=0.1, min_iou=0.5)
    assert [(one.frame_id, one.right, one.false, one.missed) for one in lower] == [
        ("000002", 0, 2, 1),
        ("000001", 1, 1, 1),
    ]


def test_sure_detections_that_labels_contradict_are_listed_but_not_inside_dont_care(scene):
    truth, results, frames = scene
    frame_of = {image["id"]: image["frame_id"] for image in truth["images"]}

    def errors(**limits):
        settings = {"count": 9, "min_score": 0.5, "min_iou": 0.5} | limits
        return likely_label_errors(hotcoco_evaluator(truth, results), frames, frame_of, **settings)

    found = errors()
    assert [(one.frame_id, one.kind, one.detected, one.labelled) for one in found] == [
        ("000001", "missing_annotation", "Car", None),
        ("000002", "wrong_label", "Car", "Tram"),
    ]
    assert found[1].xyxy == pytest.approx(LEFT)
    assert found[1].score == pytest.approx(0.8)
    assert found[1].iou == pytest.approx(1)
    assert errors(count=1) == found[:1]
    assert errors(min_score=0.97) == ()
