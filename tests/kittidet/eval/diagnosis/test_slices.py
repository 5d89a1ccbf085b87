"""AP of a slice: its own objects count, the others neither way."""

import math

import numpy as np
import pytest

from kittidet.classes import ClassTable
from kittidet.eval.coco_format import coco_ground_truth, image_ids, result_rows
from kittidet.eval.diagnosis.slices import ap_by_slice

TABLE = ClassTable(("Car", "Tram"))
NEAR, FAR = (10, 10, 110, 100), (300, 10, 350, 60)


def slices_of(frames, found):
    truth = coco_ground_truth(frames, TABLE)
    rows = result_rows(found, image_ids([frame.frame_id for frame in frames]), TABLE)
    return {(one.attribute, one.low): one for one in ap_by_slice(frames, truth, rows, TABLE)}


def test_a_slice_without_objects_has_no_ap(make_frame):
    slices = slices_of([make_frame(0, ("Car", NEAR))], [])
    assert slices["distance_m", 10.0].objects == 1
    assert slices["distance_m", 10.0].ap == 0
    assert slices["distance_m", 20.0].ap is None
    assert [one.high for (name, _), one in slices.items() if name == "distance_m"][-1] == math.inf


def test_near_and_far_objects_are_told_apart(make_frame, make_found):
    frames = [make_frame(i, ("Car", NEAR, {"z": 5.0}), ("Car", FAR, {"z": 55.0})) for i in range(4)]
    found = [make_found(i, (1, NEAR, 0.9)) for i in range(4)]
    slices = slices_of(frames, found)
    near, far = slices["distance_m", 0.0], slices["distance_m", 40.0]
    assert (near.objects, near.ap, near.recall50) == (4, pytest.approx(1), pytest.approx(1))
    assert (far.objects, far.ap, far.recall50) == (4, 0, 0)
    assert slices["height_px", 80.0].ap == pytest.approx(1)
    assert slices["height_px", 40.0].ap == 0


def test_a_detection_on_an_object_of_another_slice_costs_nothing(make_frame, make_found):
    frames = [make_frame(i, ("Car", NEAR, {"occluded": 0}), ("Car", FAR, {"occluded": 2})) for i in range(4)]
    found = [make_found(i, (1, NEAR, 0.9), (1, FAR, 0.95)) for i in range(4)]
    slices = slices_of(frames, found)
    for low in (0.0, 2.0):
        assert slices["occluded", low].ap == pytest.approx(1)


def test_a_detection_of_nothing_counts_in_its_own_slice_of_height_and_in_every_slice_of_distance(
    make_frame, make_found
):
    frames = [make_frame(i, ("Car", NEAR, {"z": 5.0}), ("Car", FAR, {"z": 55.0})) for i in range(4)]
    nothing = (700, 10, 760, 60)  # as tall as FAR
    found = [make_found(i, (1, NEAR, 0.9), (1, FAR, 0.9), (1, nothing, 0.95)) for i in range(4)]
    slices = slices_of(frames, found)
    assert slices["height_px", 80.0].ap == pytest.approx(1)
    assert slices["height_px", 40.0].ap == pytest.approx(0.5, abs=0.01)
    assert slices["distance_m", 0.0].ap == pytest.approx(0.5, abs=0.01)
    assert slices["distance_m", 40.0].ap == pytest.approx(0.5, abs=0.01)


def test_edges_belong_to_the_slice_above_and_unknown_distance_to_none(make_frame):
    frame = make_frame(
        0,
        ("Car", NEAR, {"truncated": 0.15, "z": 10.0}),
        ("Car", FAR, {"truncated": 1.0, "z": -1000.0}),
        ("Pedestrainn", FAR, {"z": 10.0}),
    )
    slices = slices_of([frame], [])
    assert slices["truncated", 0.15].objects == 1
    assert slices["truncated", 0.5].objects == 1
    assert slices["truncated", 0.0].objects == 0
    assert slices["distance_m", 10.0].objects == 1
    assert sum(one.objects for (name, _), one in slices.items() if name == "distance_m") == 1


def test_classes_count_alike(make_frame, make_found):
    frames = [make_frame(i, ("Car", NEAR), ("Tram", FAR)) for i in range(3)]
    found = [make_found(i, (1, NEAR, 0.9)) for i in range(3)]
    assert slices_of(frames, found)["distance_m", 10.0].ap == pytest.approx(0.5)
    assert np.isfinite(NEAR).all()


def test_unknown_occlusion_is_one_slice_however_it_is_written_and_unknown_truncation_none(make_frame):
    """Case: labels_minus_one."""
    rows = [("Car", NEAR, {"occluded": state, "truncated": -1.0}) for state in (3, -1, 4)]
    slices = slices_of([make_frame(0, *rows)], [])
    assert slices["occluded", 3.0].objects == 3
    assert sum(one.objects for (name, _), one in slices.items() if name == "truncated") == 0
