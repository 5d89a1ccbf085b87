"""Run folders against each other: by their files, on the same data only."""

import json

import pytest

from kittidet.errors import EvaluationError
from kittidet.eval.compare import compare_results
from kittidet.runs.compare import compare_runs
from kittidet.runs.run import GROUND_TRUTH, PREDICTIONS, Run

SETTINGS = {"resamples": 200, "confidence": 0.95, "seed": 0}
NAMES = ("a", "b")


def publish(folder, truth, rows):
    folder.mkdir()
    items = [
        {"image_id": int(r[0]), "bbox": list(r[1:5]), "score": r[5], "category_id": int(r[6])} for r in rows.tolist()
    ]
    (folder / GROUND_TRUTH).write_text(json.dumps(truth))
    (folder / PREDICTIONS).write_text(json.dumps(items))
    return Run.open(folder)


def test_run_folders_are_compared_by_their_files(synthetic_coco, tmp_path):
    truth, a = synthetic_coco()
    _, b = synthetic_coco(found_seed=2)
    run_a, run_b = publish(tmp_path / "one", truth, a), publish(tmp_path / "two", truth, b)
    result = compare_runs(run_a, run_b, **SETTINGS)
    assert (result.run_a, result.run_b) == ("one", "two")
    assert result == compare_runs(run_a, run_b, **SETTINGS)
    assert result.of("all", "ap") == compare_results(truth, a, b, names=NAMES, **SETTINGS).of("all", "ap")
    content = result.to_json()
    assert json.loads(json.dumps(content, allow_nan=False))["verdict"] == result.verdict
    assert len(content["differences"]) == 3 * 4


def test_runs_on_other_frames_labels_or_classes_are_refused(synthetic_coco, tmp_path):
    truth, rows = synthetic_coco()
    run = publish(tmp_path / "run", truth, rows)
    moved = json.loads(json.dumps(truth))
    moved["annotations"][0]["bbox"][0] += 1
    others = {
        "frames": synthetic_coco(39),
        "annotations": (moved, rows),
        "categories": synthetic_coco(classes=("Car", "Pedestrainn", "Van")),
    }
    for name, (other, found) in others.items():
        part = "images" if name == "frames" else name
        with pytest.raises(EvaluationError, match=f"not scored on the same data: . {part}|{part} are in one only"):
            compare_runs(run, publish(tmp_path / name, other, found), **SETTINGS)
