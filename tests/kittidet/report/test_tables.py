import math
from dataclasses import replace

import numpy as np
import pytest

from kittidet.config import CompareConfig
from kittidet.eval.diagnosis import LabelError, ScoreCurves, SliceAp, TideError
from kittidet.eval.kitti_protocol import ClassAp
from kittidet.report import tables
from kittidet.report.measures import measure_run
from kittidet.runs.run import Run


def test_scores_are_those_of_the_run_and_classes_without_ground_truth_stay_empty(finished_run, synthetic_tree):
    run = Run.open(finished_run, tree=synthetic_tree)
    measures = measure_run(run, min_score=None, draws=CompareConfig(resamples=100))
    shown = tables.coco_table(run, measures)
    assert shown["ap"] == run.summary["ap"]
    assert [row["name"] for row in shown["classes"]] == list(run.table.names)
    for row in shown["classes"]:
        assert (row["ap"] is None) == (row["interval"] == "") == (row["count"] == "0")
    tiles = tables.tiles(run, measures)
    assert tiles[0]["value"] == f"{run.summary['ap']:.3f}"
    assert tiles[-1] == {"value": "300", "label": "step, epoch 15"}
    beside = {"value": "94%", "label": "leakage"}
    assert tables.tiles(run, measures, [beside]) == [tiles[0], beside, *tiles[1:]]
    assert [row["name"] for row in tables.kitti_table(run, measures) or []] == ["Car", "Pedestrian", "Cyclist"]


@pytest.fixture
def kitti_scores(finished_run, synthetic_tree):
    """Return a function that gives the rows of the KITTI table for scores that are changed."""
    run = Run.open(finished_run, tree=synthetic_tree)
    measures = measure_run(run, min_score=None, draws=CompareConfig(resamples=100))

    def rows(**changes):
        shown = tables.kitti_table(run, replace(measures, kitti=replace(measures.kitti, **changes)))
        return {row["name"]: row for row in shown or []}

    return rows


def score(*r40):
    return ClassAp(0.7, r40, (None, None, None), (None, None, None), (1, 1, 1))


def test_the_order_free_ap_stands_below_where_it_differs(kitti_scores):
    official = {"Car": score(50.0, 40.0, None), "Cyclist": score(30.0, 30.0, 30.0)}
    order_free = {"Car": score(50.04, 42.5, None), "Cyclist": score(30.0, 30.04, 29.96)}
    rows = kitti_scores(official=official, order_free=order_free)
    assert rows["Car"]["order_free"] == ["50.04", "42.50 (+2.50)", "none", "none", "none", "none"]
    assert rows["Cyclist"]["order_free"] == []


def test_each_kitti_number_has_its_interval_below_and_the_headline_too(finished_run, synthetic_tree):
    run = Run.open(finished_run, tree=synthetic_tree)
    measures = measure_run(run, min_score=None, draws=CompareConfig(resamples=100))
    (car, *_) = tables.kitti_table(run, measures)
    assert len(car["intervals"]) == len(car["numbers"]) == 6
    for value, text in zip(car["numbers"], car["intervals"], strict=True):
        low, high = map(float, text.split("\N{EN DASH}"))
        assert low - 0.05 <= value <= high + 0.05
    assert f"moderate, R40, {car['intervals'][1]}" in {
        tile["label"].removeprefix("KITTI Car, ") for tile in tables.tiles(run, measures)
    }
    assert measures.to_json()["kitti"]["intervals"]["Car"]["R40"][1] == pytest.approx(
        [float(part) for part in car["intervals"][1].split("\N{EN DASH}")], abs=0.05
    )


def test_a_class_that_the_detector_cannot_name_has_a_reason_in_place_of_numbers(kitti_scores):
    rows = kitti_scores(official={}, order_free={}, not_scored={"Car": "part of Vehicle"})
    assert (rows["Car"]["numbers"], rows["Car"]["not_scored"]) == ((), "part of Vehicle")


def test_a_class_scored_by_another_name_says_so(kitti_scores):
    rows = kitti_scores(official={"Car": score(50.0, 40.0, None)}, order_free={}, scored_on={"Car": "Vehicle"})
    assert set(rows) == {"Car (scored on Vehicle detections)", "Pedestrian", "Cyclist"}


def test_the_costliest_error_comes_first():
    errors = [TideError("Loc", "loose", 0.01, 9), TideError("Miss", "not found", 0.2, 1200)]
    assert tables.tide_table(errors)["rows"] == [("not found", "1,200", "+0.200"), ("loose", "9", "+0.010")]
    assert tables.tide_table([])["rows"] == []


@pytest.mark.parametrize(
    ("attribute", "low", "high", "head", "name"),
    [
        ("distance_m", 10.0, 20.0, "Distance", "10 to 20 m"),
        ("distance_m", 60.0, math.inf, "Distance", "60 m or more"),
        ("occluded", 1.0, 2.0, "Occlusion", "partly occluded"),
        ("truncated", 0.15, 0.3, "Truncation", "0.15 to 0.30"),
        ("truncated", 0.5, math.inf, "Truncation", "0.50 or more"),
    ],
)
def test_slices_are_named_in_words_under_their_attribute_and_empty_ones_left_out(attribute, low, high, head, name):
    full = SliceAp(attribute, low, high, 7, 0.5, 0.75, 1.0)
    empty = SliceAp(attribute, low, high, 0, None, None, None)
    row = (name, "7", "0.500", "0.750", "1.00")
    assert tables.slice_table([empty, full, full])["rows"] == [(head,), row, row]
    assert tables.slice_table([empty])["rows"] == []


def test_the_best_threshold_of_a_class_comes_with_what_it_gives():
    steps = np.linspace(0, 1, 201)
    curves = ScoreCurves(np.ones(101), steps, 1 - steps, np.zeros(201), 0.3, 0.42)
    assert tables.threshold_table({"Car": curves})["rows"] == [("Car", "0.300", "0.42", "0.30", "0.70")]
    never = ScoreCurves(np.zeros(101), np.ones(201), np.zeros(201), np.zeros(201), 0.5, 0.0)
    assert tables.threshold_table({"Tram": never})["rows"] == [("Tram", "none", "0.00", "", "")]
    assert tables.threshold_table({})["rows"] == []


def test_a_label_error_names_frame_box_and_both_opinions():
    missing = LabelError("000007", "missing_annotation", (1.2, 2.0, 30.0, 40.4), 0.91, "Car", None, 0.0)
    wrong = LabelError("000008", "wrong_label", (1, 2, 3, 4), 0.8, "Car", "Van", 0.9)
    assert tables.label_error_table([missing, wrong])["rows"] == [
        ("000007", "Car", "0.91", "nothing", "1, 2, 30, 40"),
        ("000008", "Car", "0.80", "Van", "1, 2, 3, 4"),
    ]
