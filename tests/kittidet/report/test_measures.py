import numpy as np
import pytest

from kittidet.classes import KITTI8, ClassTable
from kittidet.config import CompareConfig
from kittidet.eval.coco_format import result_rows
from kittidet.frame import Detections
from kittidet.report.measures import measure_run
from kittidet.runs.run import Run

HOW = {"min_score": None, "draws": CompareConfig(resamples=100)}


@pytest.fixture(scope="module")
def measured(finished_run, synthetic_tree):
    run = Run.open(finished_run, tree=synthetic_tree)
    return run, measure_run(run, **HOW)


def test_the_headline_is_the_runs_own_ap_and_lies_in_its_interval(measured):
    run, measures = measured
    assert measures.coco.ap == pytest.approx(run.summary["ap"], abs=1e-6)
    low, high = measures.intervals.ap
    assert low < run.summary["ap"] < high


def test_the_curves_are_of_the_same_detections(measured):
    run, measures = measured
    scored = {name for name, ap in run.summary["per_class_ap50"].items() if ap is not None}
    assert set(measures.diagnosis.class_curves) == scored
    for name, curves in measures.diagnosis.class_curves.items():
        assert curves.precision_by_recall.mean() == pytest.approx(run.summary["per_class_ap50"][name], abs=1e-6)


def test_a_perfect_detector_is_measured_as_one(measured, synthetic_tree):
    run, _ = measured
    perfect = tuple(
        Detections(f.frame_id, boxes, np.full(len(ids), 0.9, np.float32), ids)
        for f in run.frames
        for boxes, ids in [f.labelled(run.table)]
    )
    image_ids = {image["frame_id"]: image["id"] for image in run.ground_truth["images"]}
    flawless = Run.open(run.path, tree=synthetic_tree)
    flawless.detections, flawless.results = perfect, result_rows(perfect, image_ids, run.table)
    measures = measure_run(flawless, **HOW)
    assert measures.coco.ap == pytest.approx(1)
    assert measures.kitti is not None
    assert measures.kitti.order_free["Car"].r40[2] == pytest.approx(100)


def test_of_classes_that_the_detector_cannot_name_there_are_no_kitti_scores(finished_run, synthetic_tree):
    run = Run.open(finished_run, tree=synthetic_tree)
    assert run.frames
    run.table = ClassTable(("Vehicle", *KITTI8.names[1:]), {"Car": "Vehicle", "Truck": "Vehicle"})
    measures = measure_run(run, **HOW)
    assert measures.kitti is not None
    assert set(measures.kitti.official) == set(measures.kitti.loose) == {"Pedestrainn", "Cyclist"}
    mixed = {**{name: f"class-{name}" for name in KITTI8.names}, "Pedestrainn": "class-Car", "Tram": "class-Cyclist"}
    run.table = ClassTable(tuple(f"class-{name}" for name in KITTI8.names), mixed)
    measures = measure_run(run, **HOW)
    assert measures.kitti is None
    assert "the detector has none of Car, Pedestrainn, Cyclist" in str(measures.kitti_missing)


def test_without_full_labels_there_are_no_kitti_scores(finished_run):
    assert measure_run(Run.open(finished_run), **HOW).kitti is None
