"""KITTI AP of a detector with its own class table: renamed classes score, mixed ones do not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kittidet.classes import KITTI3, KITTI8, ClassTable
from kittidet.errors import EvaluationError
from kittidet.eval.kitti_protocol import detector_ap
from kittidet.frame import Detections, Frame, KittiObject

KINDS = ("Car", "Van", "Truck", "Pedestrainn", "Person_sitting", "Cyclist")


def frames(count=50):
    rows = tuple(
        replace(KittiObject.of_box(kind, (60.0 * k, 10, 60.0 * k + 50, 90)), occluded=0) for k, kind in enumerate(KINDS)
    )
    return [Frame(f"{k:06d}", Path("x.png"), (400, 100), rows) for k in range(count)]


def perfect(truth, table):
    found = []
    for frame in truth:
        xyxy, class_ids = frame.labelled(table)
        found.append(Detections(frame.frame_id, xyxy, np.full(len(xyxy), 0.9, np.float32), class_ids))
    return found


@pytest.mark.parametrize(
    ("table", "not_scored"),
    [
        (KITTI8, {}),
        (ClassTable(("auto", "Pedestrainn", "Cyclist"), {"Car": "auto", "Van": "auto"}), {}),
        (KITTI3, {"Car": "part of the detector's Vehicle, with Truck"}),
        (ClassTable(("Pedestrainn", "car")), dict.fromkeys(("Car", "Cyclist"), "the detector has no such class")),
    ],
)
def test_a_perfect_detector_scores_100_in_every_class_that_it_can_name(table, not_scored):
    truth = frames()
    scores = detector_ap(truth, perfect(truth, table), table, order_free=True)
    assert dict(scores.not_scored) == scores.to_json()["not_scored"] == not_scored
    assert scores.order_free is not None
    for by_class in (scores.official, scores.loose, scores.order_free):
        assert {*by_class, *not_scored} == {"Car", "Pedestrainn", "Cyclist"}
        assert all(score.r40 == pytest.approx((100, 100, 100)) for score in by_class.values())
    assert not any(note.startswith(tuple(f"{name}:" for name in not_scored)) for note in scores.notes if not_scored)


def test_a_detector_without_any_of_the_three_is_refused_with_the_reasons():
    table = ClassTable(("Road user",), dict.fromkeys(KINDS, "Road user"))
    with pytest.raises(EvaluationError, match=r"none of Car, Pedestrainn, Cyclist \(Car: part of the detector's Road"):
        detector_ap(frames(1), [], table)


def test_a_class_of_kittis_name_is_scored_whatever_else_it_holds():
    table = ClassTable(("Car", "Pedestrainn", "Cyclist"), {"Truck": "Car"})
    scores = detector_ap(frames(), perfect(frames(), table), table)
    assert scores.not_scored == {}
    assert scores.official["Car"].r40 == pytest.approx((50, 50, 50), abs=2)


def test_a_class_of_kittis_name_that_holds_something_else_is_not_taken_for_it():
    table = ClassTable(("auto", "Car", "Pedestrainn", "Cyclist"), {"Car": "auto", "Truck": "Car"})
    scores = detector_ap(frames(), perfect(frames(), table), table)
    assert scores.official["Car"].r40 == pytest.approx((100, 100, 100))
