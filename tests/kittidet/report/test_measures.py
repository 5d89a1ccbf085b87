import dataclasses

import numpy as np
import pytest

from kittidet.frame import Detections
from kittidet.report.measures import best_threshold, measure_run
from kittidet.report.run_folder import read_run

DRAWS = {"resamples": 30, "confidence": 0.9, "seed": 0}


@pytest.fixture(scope="module")
def measured(finished_run, drawn_tree):
    run = read_run(finished_run, tree=drawn_tree)
    return run, measure_run(run, **DRAWS)


def test_the_headline_is_the_runs_own_ap(measured):
    run, measures = measured
    assert measures.coco.ap == pytest.approx(run.summary["ap"], abs=1e-6)
    for name, curve in measures.precision.items():
        assert curve.mean() == pytest.approx(run.summary["per_class_ap50"][name], abs=1e-6)


def test_ap_lies_in_its_interval(measured):
    run, measures = measured
    low, high = measures.intervals.ap
    assert low < run.summary["ap"] < high


def test_classes_without_ground_truth_have_no_curve(measured):
    run, measures = measured
    scored = {name for name, ap in run.summary["per_class_ap"].items() if ap is not None}
    assert set(measures.precision) == set(measures.f1) == scored


def test_the_confusion_matrix_counts_every_label_and_every_detection_drawn(measured):
    run, measures = measured
    labels = sum(len(f.labelled(run.table)[0]) for f in run.frames)
    drawn = sum(int((d.scores >= measures.best_threshold).sum()) for d in run.detections)
    assert measures.confusion.shape == (9, 9)
    assert measures.confusion[:-1].sum() == labels
    assert measures.confusion[:, :-1].sum() == drawn


def test_f1_is_that_of_counting(measured):
    """On one class, against the confusion matrix at the best threshold."""
    run, measures = measured
    at, k = measures.best_threshold, run.table.names.index("Car")
    right = measures.confusion[k, k]
    labels, drawn = measures.confusion[k].sum(), measures.confusion[:, k].sum()
    counted = 2 * right / (labels + drawn)
    index = int(np.argmin(abs(measures.thresholds - at)))
    assert measures.f1["Car"][index] == pytest.approx(counted, abs=0.02)


def test_a_perfect_detector_is_measured_as_one(measured):
    run, _ = measured
    perfect = tuple(
        Detections(f.frame_id, boxes, np.full(len(ids), 0.9, np.float32), ids)
        for f in run.frames
        for boxes, ids in [f.labelled(run.table)]
    )
    measures = measure_run(dataclasses.replace(run, detections=perfect), **DRAWS)
    assert measures.coco.ap == pytest.approx(1)
    assert measures.best_threshold == pytest.approx(0.45, abs=0.05)
    assert all(curve.max() == pytest.approx(1) for curve in measures.f1.values())
    assert measures.confusion.sum() == np.trace(measures.confusion)
    assert measures.kitti is not None
    assert measures.kitti["Car"].r40[2] == pytest.approx(100)
    assert {count for _, count in measures.tide.values()} == {0}


def test_without_full_labels_there_are_no_kitti_scores(finished_run):
    assert measure_run(read_run(finished_run, tree=None), **DRAWS).kitti is None


def test_the_best_threshold_lies_in_the_middle_of_a_plateau():
    assert best_threshold(np.linspace(0, 1, 5), np.array([0.1, 0.8, 0.8, 0.8, 0.0])) == pytest.approx(0.5)
