"""The whole diagnosis of one set of detections."""

import json

import pytest

from kittidet.classes import ClassTable
from kittidet.errors import EvaluationError
from kittidet.eval.diagnosis import diagnose

TABLE = ClassTable(("Car", "Tram", "Misc"))
LIMITS = {"worst": 3, "label_errors": 5, "label_error_score": 0.5}
CAR, TRAM = (10, 10, 110, 100), (300, 10, 350, 60)


@pytest.fixture
def scene(make_frame, make_found):
    frames = [make_frame(i, ("Car", CAR), ("Tram", TRAM), ("DontCare", (900, 0, 1200, 300))) for i in range(6)]
    found = [make_found(i, (1, CAR, 0.9), (2 if i else 1, TRAM, 0.8), (1, (600, 10, 700, 90), 0.3)) for i in range(6)]
    return frames, found


def test_all_parts_are_there_and_agree(scene):
    result = diagnose(*scene, TABLE, **LIMITS)
    assert set(result.class_curves) == {"Car", "Tram"}
    assert 0.3 < result.curves.best_threshold <= 0.8
    assert result.confusion.min_score == result.curves.best_threshold
    # At the best threshold: six cars, five trams, and one tram taken for a car.
    assert result.confusion.counts.tolist() == [[6, 0, 0, 0], [1, 5, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert [one.frame_id for one in result.worst_frames] == ["000000"]
    assert [(one.frame_id, one.labelled) for one in result.label_errors] == [("000000", "Tram")]
    assert {one.attribute for one in result.slices} == {"distance_m", "height_px", "occluded", "truncated"}


def test_the_answer_is_json(scene):
    content = diagnose(*scene, TABLE, **LIMITS).to_json()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert len(content["thresholds"]) == len(content["curves"]["f1"])


def test_frames_without_objects_cannot_be_diagnosed(make_frame):
    with pytest.raises(EvaluationError, match="no ground truth"):
        diagnose([make_frame(0)], [], TABLE, **LIMITS)


def test_a_detector_that_finds_nothing_can(scene):
    result = diagnose(scene[0], [], TABLE, **LIMITS)
    assert result.curves.best_f1 == 0
    assert result.confusion.counts[:, -1].tolist() == [6, 6, 0, 0]
