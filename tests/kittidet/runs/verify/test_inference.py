"""kittidet.runs.verify.inference: the published detections are those of the published weights."""

import json

import numpy as np
import pytest
from fixtures.published_run import seal_again

from kittidet.config import EvalConfig
from kittidet.frame import Detections
from kittidet.runs.run import Run
from kittidet.runs.verify.inference import ACCELERATOR, PROCESSOR, check_inference, unmatched

CONFIG = EvalConfig(score_threshold=0.1, max_detections=3)


def some(*rows) -> Detections:
    """Detections (left, score, class) of boxes of 100 x 100 pixels."""
    boxes = np.array([[left, 0, left + 100, 100] for left, _, _ in rows], np.float32).reshape(-1, 4)
    return Detections(
        "000001",
        boxes,
        np.array([score for _, score, _ in rows], np.float32),
        np.array([i for _, _, i in rows], np.int32),
    )


@pytest.mark.parametrize(
    ("a", "b", "lonely"),
    [
        ([], [], []),
        ([], [(0, 0.9, 1)], []),
        ([(0, 0.9, 1)], [], [0]),
        ([(0, 0.9, 1)], [(1, 0.89, 1)], []),
        ([(0, 0.9, 1)], [(0, 0.9, 2)], [0]),
        ([(0, 0.9, 1)], [(0, 0.8, 1)], [0]),
        ([(0, 0.9, 1)], [(20, 0.9, 1)], [0]),
        # At the least score that is kept either side may lack it.
        ([(0, 0.11, 1)], [], []),
        # So at the end of a full list.
        ([(0, 0.9, 1), (200, 0.5, 1), (400, 0.4, 1)], [(0, 0.9, 1), (200, 0.5, 1), (600, 0.41, 1)], []),
        ([(0, 0.9, 1), (200, 0.5, 1), (400, 0.4, 1)], [(0, 0.9, 1), (300, 0.5, 1), (400, 0.4, 1)], [1]),
    ],
)
def test_a_detection_needs_a_counterpart_unless_it_is_the_last_that_is_kept(a, b, lonely):
    assert unmatched(some(*a), some(*b), CONFIG, ACCELERATOR)[0] == lonely


def test_the_largest_difference_of_scores_is_told():
    found = unmatched(some((0, 0.9, 1), (300, 0.5, 1)), some((0, 0.89, 1), (300, 0.5, 1)), CONFIG, ACCELERATOR)
    assert found == ([], pytest.approx(0.01, abs=1e-6))


def test_the_weights_find_what_was_published_to_the_bit(published_run, tiny_models):
    run = Run.open(published_run / "runs" / "tiny")
    check = check_inference(run, run.find_tree(), sample=3, seed=1)
    assert (check.state, check.count) == ("same", 3)
    assert "0 differ, scores of the others by up to 0" in check.note


def test_a_run_of_processors_alone_is_held_to_the_last_digits():
    near = some((0, 0.9, 1)), some((0, 0.89, 1))
    assert unmatched(*near, CONFIG, PROCESSOR)[0] == [0]
    assert unmatched(*near, CONFIG, ACCELERATOR)[0] == []


def test_a_run_of_a_gpu_may_have_few_others_for_its_operands_are_shorter(published_copy, tiny_models):
    path = published_copy / "predictions.json"
    rows = json.loads(path.read_text())
    best = max(rows, key=lambda row: row["score"])
    best["score"] = 1.0
    path.write_text(json.dumps(rows))
    seal_again(published_copy)
    assert len(rows) > 200
    run = Run.open(published_copy)
    run.summary["environment"]["accelerators"] = "1 GPU"
    assert check_inference(run, run.find_tree(), sample=100, seed=0).state == "same"
    again = Run.open(published_copy)
    again.summary["environment"]["accelerators"] = "none"
    assert check_inference(again, again.find_tree(), sample=100, seed=0).state == "changed"


def test_detections_that_the_weights_do_not_make_are_found(published_copy, tiny_models):
    path = published_copy / "predictions.json"
    rows = json.loads(path.read_text())
    for row in rows:
        row["score"] = min(1, row["score"] + 0.1)
    path.write_text(json.dumps(rows))
    seal_again(published_copy)
    run = Run.open(published_copy)
    check = check_inference(run, run.find_tree(), sample=100, seed=0)
    assert check.count == len(run.frames)
    assert "predictions.json: frame 00" in check.problems[0]
