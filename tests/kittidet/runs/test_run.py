import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from kittidet.errors import DatasetContractError, EvaluationError, StoreError
from kittidet.kitti.tree import open_tree
from kittidet.runs.run import read_run


@pytest.fixture
def copy(finished_run, tmp_path) -> Path:
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_run_is_read_with_and_without_its_data(finished_run, synthetic_tree):
    bare, full = read_run(finished_run, tree=None), read_run(finished_run, tree=synthetic_tree)
    assert not bare.has_images
    assert full.has_images
    assert [f.frame_id for f in bare.frames] == [f.frame_id for f in full.frames] == list(synthetic_tree.frame_ids)
    for a, b in zip(bare.frames, full.frames, strict=True):
        assert np.allclose(a.labelled(bare.table)[0], b.labelled(full.table)[0], atol=0.01)
    assert any(o.is_dont_care for f in full.frames for o in f.objects)
    assert len(bare.history["loss"]) == 20


def test_detections_are_best_first_and_in_corners(finished_run):
    run = read_run(finished_run, tree=None)
    assert sum(map(len, run.detections)) == len(json.loads((finished_run / "predictions.json").read_text()))
    for found in run.detections:
        assert (np.diff(found.scores) <= 0).all()
        assert (found.xyxy[:, 2:] >= found.xyxy[:, :2]).all()


@pytest.mark.parametrize(
    "name", ["config.json", "summary.json", "ground_truth.json", "predictions.json", "history.csv"]
)
def test_a_missing_or_broken_file_is_named(copy, name):
    (copy / name).write_bytes(b"\xff{")
    with pytest.raises(StoreError, match=name):
        read_run(copy, tree=None)
    (copy / name).unlink()
    with pytest.raises(StoreError, match=name):
        read_run(copy, tree=None)


def test_files_that_do_not_fit_together_are_refused(copy):
    change(copy / "summary.json", classes=["Dog"])
    with pytest.raises(StoreError, match="do not fit together"):
        read_run(copy, tree=None)


def test_predictions_of_another_run_are_refused(copy):
    row = {"image_id": 7777, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}
    (copy / "predictions.json").write_text(json.dumps([row]))
    with pytest.raises(StoreError, match="7777"):
        read_run(copy, tree=None)
    (copy / "predictions.json").write_text(json.dumps([{**row, "bbox": [1, 2, -3, 4]}]))
    with pytest.raises(EvaluationError, match="entry 0"):
        read_run(copy, tree=None)


def test_data_that_the_run_was_not_scored_on_is_refused(finished_run, synthetic_tree, tmp_path):
    other = Path(shutil.copytree(synthetic_tree.root, tmp_path / "other"))
    label = other / "training" / "label_2" / f"{synthetic_tree.frame_ids[0]}.txt"
    label.write_text("Car 0.00 0 0.00 1.00 1.00 9.00 9.00 1.50 1.60 3.90 0.00 1.50 20.00 0.00\n")
    with pytest.raises(DatasetContractError, match="other labels"):
        read_run(finished_run, tree=open_tree(other))
    label.unlink()
    with pytest.raises(DatasetContractError, match="not there"):
        read_run(finished_run, tree=open_tree(other))
