"""kittidet.cli.tables: what a person sees of a step and of the scores."""

from pathlib import Path

import pytest

from kittidet.classes import KITTI8
from kittidet.cli.tables import print_facts, print_model_scores, print_scores
from kittidet.eval.coco import coco_metrics
from kittidet.store import StepOutput, Store

SUMMARY = {
    "n_val": 30,
    "ap": 0.4321,
    "ap50": 0.7,
    "ap75": 0.5,
    "per_class_ap": {"Tram": None, "Car": 0.61},
    "per_class_ap50": {"Car": 0.93, "Tram": None},
    "best_step": 40,
    "checkpoints": [
        {"step": 20, "epoch": 1, "average_of": [], "ap": 0.3, "ap50": 0.5, "ap75": 0.2, "best": False},
        {
            "step": 40,
            "epoch": 2,
            "average_of": [20, 40],
            "ap": 0.4321,
            "ap50": 0.7,
            "ap75": 0.5,
            "best": True,
            "chance_of_best": 0.75,
        },
    ],
}


def test_scores_show_all_first_then_each_class_and_the_picked_step(capsys):
    print_scores(SUMMARY)
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if "│" in line]
    assert [row.split("│")[1].strip() for row in rows[:3]] == ["all", "Car", "Tram"]
    assert "no ground truth" in rows[2]
    assert ["picked" in row for row in rows[-2:]] == [False, True]
    assert "mean of 20, 40" in rows[-1]
    assert "75%" in rows[-1]
    assert not any("limit of 100" in line for line in lines)


def test_leakage_stands_beside_the_scores_and_synthetic_scenes_are_named(capsys):
    print_scores({**SUMMARY, "synthetic": True, "leakage": {"shared_val_frames": 20, "share": 0.67}})
    out = capsys.readouterr().out
    assert "data: synthetic scenes, not KITTI" in out
    assert "leakage: 67% of validation frames share a drive with training" in out


def test_scores_beyond_cocos_hundred_detections_say_so(capsys):
    print_scores({**SUMMARY, "max_detections": 300, "ap_at_100": 0.43})
    assert "with COCO's limit of 100, as in published results, it is 0.430" in capsys.readouterr().out


@pytest.mark.parametrize("cached", [False, True])
def test_a_step_shows_its_facts_and_whether_it_was_cached(capsys, cached):
    output = StepOutput(step="split", digest="1", summary={"n_train": 8, "leakage": None}, cached=cached)
    print_facts("split", Store(Path("/s")), output)
    text = capsys.readouterr().out
    assert ("cached" in text) == cached
    assert "n_train" in text
    assert "/s/split-1" in text


def test_the_scores_of_one_model_name_it_and_list_all_first(capsys, synthetic_frames):
    print_model_scores("m.onnx", coco_metrics(synthetic_frames, [], KITTI8, engine="pycocotools"))
    out = capsys.readouterr().out
    assert f"COCO AP of m.onnx on {len(synthetic_frames)} validation frames" in out
    rows = [line.split("│")[1].strip() for line in out.splitlines() if "│" in line]
    assert rows == ["all", *KITTI8.names]
