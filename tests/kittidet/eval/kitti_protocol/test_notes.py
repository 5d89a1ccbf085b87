"""The sentences beside official scores; where they are shown with numbers is in test_ap."""

import pytest

from kittidet.eval.kitti_protocol.notes import score_notes, why_none_counts
from kittidet.eval.kitti_protocol.rows import build_rows
from kittidet.frame import KittiObject


def rows(*kinds_and_occlusions):
    items = [
        KittiObject(kind, 0, occluded, -10, (0, 0, 100, 100), (-1, -1, -1), (-1000, -1000, -1000), -10)
        for kind, occluded in kinds_and_occlusions
    ]
    return build_rows({"a": items}, ["a"], keep_order=True)


def test_a_set_of_many_objects_and_detections_needs_no_note():
    assert score_notes({"Car": (41, 50, 60)}, rows(("Car", 0)), rows(("Car", -1))) == []


@pytest.mark.parametrize(
    ("objects", "truth", "found", "note"),
    [
        (
            (8, 41, 50),
            ("Car", 0),
            ("Car", -1),
            "Car: fewer than 41 objects; the devkit caps R40 there: 8 easy, at most",
        ),
        ((41, 41, 41), ("Car", 3), ("Car", -1), "Car: 1 labels of unknown occlusion count at no level."),
        ((41, 41, 41), ("Car", -1), ("Car", -1), "Car: 1 labels of occlusion -1 count as fully visible"),
        ((41, 41, 41), ("Car", 0), ("Truck", -1), "Car: no detections."),
        ((0, 0, 0), ("Truck", 0), ("Car", -1), "Car: no ground truth."),
    ],
)
def test_what_shifts_a_number_has_its_sentence(objects, truth, found, note):
    (said,) = score_notes({"Car": objects}, rows(truth), rows(found))
    assert said.startswith(note)


def test_why_no_label_counts_is_silent_where_there_is_none_of_the_class():
    assert why_none_counts(rows(("Truck", 0)), ["Car"]) == ""
    assert why_none_counts(rows(("Car", 3)), ["Car"]).startswith(" (1 labels: 1 have occlusion 3 or 4")
