"""``kittidet zero-shot`` as a person runs it, with a network that is not one."""

import json

import numpy as np
import pytest
import tensorflow as tf
import typer
from typer.testing import CliRunner

from kittidet.classes import KITTI8, coco_table
from kittidet.cli.zero_shot import zero_shot
from kittidet.config import ModelConfig, RunConfig
from kittidet.detect.checkpoint import DetectorFacts
from kittidet.detect.detector import Detector
from kittidet.errors import EvaluationError
from kittidet.eval.coco_format import coco_ground_truth
from kittidet.kitti.frames import load_frame
from kittidet.kitti.tree import open_tree
from kittidet.model.anchors import build_anchors
from kittidet.synthetic.dataset import render_dataset

INPUT_HW = (128, 256)


class OneCar:
    """One anchor of every image is COCO's car."""

    def __call__(self, images, training):
        count = len(build_anchors("d0", input_hw=INPUT_HW))
        logits = np.full((1, count, 90), -10, np.float32)
        logits[0, count // 3, 2] = 3
        batch = tf.shape(images)[0]
        return {"class_logits": tf.tile(logits, [batch, 1, 1]), "box_codes": tf.zeros([batch, count, 4])}


@pytest.fixture
def run_dir(tmp_path, monkeypatch):
    """A published run on three drawn frames whose detector found every car and nothing else."""
    tree = open_tree(render_dataset(tmp_path / "kitti", frames=3, seed=2, zips=False, sizes=[(300, 90)] * 3))
    frames = [load_frame(tree, name) for name in tree.frame_ids]
    truth = coco_ground_truth(frames, KITTI8)
    found = [
        {"image_id": a["image_id"], "category_id": 1, "bbox": a["bbox"], "score": 0.9}
        for a in truth["annotations"]
        if a["category_id"] == 1
    ]
    config = RunConfig(model=ModelConfig(input_hw=INPUT_HW), store_dir=tmp_path / "store")
    summary = {
        **dict.fromkeys(("ap", "ap50", "ap75", "best_step", "best_epoch", "n_train", "n_val", "n_set_aside"), 0),
        **{name: {} for name in ("per_class_ap", "per_class_ap50", "counts")},
        "variant": "d0",
        "split": "random80",
        "checkpoints": [],
        "input_hw": INPUT_HW,
        "leakage": None,
        "classes": list(KITTI8.names),
        "digests": {"data": "0"},
    }
    content = {
        "config.json": config.model_dump(mode="json"),
        "summary.json": summary,
        "ground_truth.json": truth,
        "predictions.json": found,
    }
    run = tmp_path / "run"
    run.mkdir()
    for name, value in content.items():
        (run / name).write_text(json.dumps(value))
    (run / "history.csv").write_text("epoch,loss\n1,2.0\n")

    def load(variant, *, input_hw, weights):
        assert (variant, input_hw, weights.name) == ("d0", INPUT_HW, "coco.h5")
        return Detector(OneCar(), DetectorFacts(config.model, coco_table()))

    monkeypatch.setattr(Detector, "from_coco", load)
    return run


def run_verb(*args):
    app = typer.Typer()
    app.command()(zero_shot)
    return CliRunner().invoke(app, [str(a) for a in args], env={"COLUMNS": "200"})


def test_scores_both_on_what_coco_has_and_lists_the_rest(run_dir, tmp_path):
    out = tmp_path / "zero.json"
    result = run_verb(run_dir, "--weights", tmp_path / "coco.h5", "--data", tmp_path / "kitti", "--json", out)
    assert result.exit_code == 0, result.output
    assert "not scored: Cyclist: COCO has no class that resembles it" in result.output
    content = json.loads(out.read_text())
    assert content["fine_tuned"]["per_class_ap"]["Car"] == pytest.approx(1)
    assert 0 <= content["zero_shot"]["per_class_ap"]["Car"] < 1
    assert content["zero_shot"]["n_detections"] == 3


def test_a_run_whose_images_are_gone_is_refused(run_dir, tmp_path):
    result = run_verb(run_dir, "--weights", tmp_path / "coco.h5")
    assert isinstance(result.exception, EvaluationError)
    assert "Name the tree with --data" in str(result.exception)
