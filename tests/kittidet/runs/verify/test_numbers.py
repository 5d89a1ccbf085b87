"""kittidet.runs.verify.numbers: a run that was changed and sealed again is found by what its numbers say."""

import json
from pathlib import Path

import pytest
from fixtures.published_run import seal_again

from kittidet.files import write_json
from kittidet.runs.run import Run
from kittidet.runs.verify.numbers import check_labels, check_links, check_scores
from kittidet.runs.verify.verification import verify_run
from kittidet.store import Store


def change(path: Path, **values: object) -> None:
    write_json(path, json.loads(path.read_text()) | values)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"ap": 0.9}, "ap: expected 0."),
        ({"ap50": 0.9}, "ap50: expected"),
        ({"per_class_ap": {}}, "per_class_ap of Car"),
        ({"max_detections": 1}, "max_detections"),
    ],
)
def test_a_score_that_the_detections_do_not_have_is_found(published_copy, values, named):
    assert check_scores(Run.open(published_copy)).state == "same"
    change(published_copy / "summary.json", **values)
    seal_again(published_copy)
    assert any(named in problem for problem in check_scores(Run.open(published_copy)).problems)


def test_labels_that_the_data_does_not_have_are_found(published_copy):
    run = Run.open(published_copy)
    tree = run.find_tree()
    assert check_labels(run, tree).state == "same"
    path = published_copy / "ground_truth.json"
    truth = json.loads(path.read_text())
    truth["annotations"][0]["bbox"][2] += 0.001
    write_json(path, truth)
    seal_again(published_copy)
    (problem,) = check_labels(Run.open(published_copy), tree).problems
    assert "ground_truth.json: annotations differ" in problem


@pytest.mark.parametrize("name", ["val.txt", "train.txt", "history.csv", "predictions.json", "findings.csv"])
def test_a_file_that_no_step_made_is_found_though_it_is_sealed(published_copy, name):
    path = published_copy / name
    path.write_text(path.read_text() + ("000777\n" if name.endswith(".txt") else "\n"))
    seal_again(published_copy)
    links = next(c for c in verify_run(Run.open(published_copy), quick=True) if c.what == "links between steps")
    assert any(name in problem for problem in links.problems)


def test_other_weights_are_found_without_a_store(published_copy, tmp_path):
    assert check_links(Run.open(published_copy), Store(tmp_path), {}, None).state == "same"
    weights = published_copy / "weights" / "best" / "model.weights.h5"
    weights.write_bytes(weights.read_bytes() + b"\0")
    seal_again(published_copy)
    (problem,) = check_links(Run.open(published_copy), Store(tmp_path), {}, None).problems
    assert "the best checkpoint: expected" in problem
