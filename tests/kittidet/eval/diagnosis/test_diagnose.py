"""The whole diagnosis of one set of detections."""

import json
from dataclasses import replace

import pytest

from kittidet.classes import ClassTable
from kittidet.errors import EvaluationError
from kittidet.eval.coco_format import coco_ground_truth, image_ids, result_rows
from kittidet.eval.diagnosis import diagnose
from kittidet.eval.matches import match_detections
from kittidet.frame import KittiObject

TABLE = ClassTable(("Car", "Tram", "Misc"))
LIMITS = {"min_score": None, "worst": 3, "label_errors": 5, "label_error_score": 0.5}
CAR, TRAM = (10, 10, 110, 100), (300, 10, 350, 60)


@pytest.fixture
def scene(make_frame, make_found):
    frames = [make_frame(i, ("Car", CAR), ("Tram", TRAM), ("DontCare", (900, 0, 1200, 300))) for i in range(6)]
    found = [make_found(i, (1, CAR, 0.9), (2 if i else 1, TRAM, 0.8), (1, (600, 10, 700, 90), 0.3)) for i in range(6)]
    return frames, found


def diagnosed(frames, found, **changed):
    truth = coco_ground_truth(frames, TABLE)
    rows = result_rows(found, image_ids([frame.frame_id for frame in frames]), TABLE)
    return diagnose(frames, TABLE, truth, rows, match_detections(truth, rows), **LIMITS | changed)


def test_all_parts_are_there_and_agree(scene):
    result = diagnosed(*scene)
    assert set(result.class_curves) == {"Car", "Tram"}
    assert 0.3 < result.curves.best_threshold <= 0.8
    assert result.confusion.min_score == result.curves.best_threshold
    # At the best threshold: six cars, five trams, and one tram taken for a car.
    assert result.confusion.counts.tolist() == [[6, 0, 0, 0], [1, 5, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert result.min_score == result.curves.best_threshold
    assert [one.frame_id for one in result.worst_frames] == ["000000"]
    assert [(one.found, one.missed, one.extra) for one in result.frames] == [(1, 1, 1), *[(2, 0, 0)] * 5]
    assert [(one.frame_id, one.labelled) for one in result.label_errors] == [("000000", "Tram")]
    assert {one.attribute for one in result.slices} == {"distance_m", "height_px", "occluded", "truncated"}


def test_what_is_found_in_a_crowd_is_neither_an_error_nor_in_a_slice(scene):
    frames, found = scene
    crowd = KittiObject.of_box("DontCare", (590.0, 0.0, 710.0, 100.0), region_of="Car")
    plain = diagnosed(frames, found, min_score=0.2)
    result = diagnosed([replace(f, objects=(*f.objects, crowd)) for f in frames], found, min_score=0.2)
    # Of the car that was found on nothing, in each frame.
    assert [one.extra for one in result.frames] == [one.extra - 1 for one in plain.frames]
    assert [(one.attribute, one.low, one.objects) for one in result.slices] == [
        (one.attribute, one.low, one.objects) for one in plain.slices
    ]


def test_the_answer_is_json(scene):
    content = diagnosed(*scene).to_json()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert len(content["thresholds"]) == len(content["curves"]["f1"])
    assert [(one["frame_id"], one["f1"]) for one in content["worst_frames"]] == [("000000", 0.5)]


def test_frames_are_counted_from_the_score_that_is_asked_for(scene):
    result = diagnosed(*scene, min_score=0.2)
    assert result.min_score == 0.2
    assert [one.extra for one in result.frames] == [2, 1, 1, 1, 1, 1]
    assert [one.frame_id for one in result.worst_frames] == ["000000", "000001", "000002"]


def test_frames_without_objects_cannot_be_diagnosed(make_frame):
    with pytest.raises(EvaluationError, match="no ground truth"):
        diagnosed([make_frame(0)], [])


def test_a_detector_that_finds_nothing_can(scene):
    result = diagnosed(scene[0], [])
    assert result.curves.best_f1 == 0
    assert result.confusion.counts[:, -1].tolist() == [6, 6, 0, 0]
