"""``kittidet predict`` as a person runs it, with a network that is not one."""

import itertools
import json
import os
import re
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import typer
from PIL import Image
from typer.testing import CliRunner

from kittidet.classes import KITTI8
from kittidet.cli.predict import describe_speed, predict
from kittidet.config import ModelConfig
from kittidet.detect.checkpoint import FACTS_NAME, DetectorFacts
from kittidet.detect.detector import Detector
from kittidet.detect.images import LoadedImage
from kittidet.errors import CheckpointMismatchError, EvaluationError
from kittidet.eval.kitti_protocol import read_scoring_input
from kittidet.model.anchors import build_anchors

LABEL = "Car 0.00 0 -1.57 10.00 10.00 110.00 90.00 1.50 1.60 3.90 1.00 1.50 20.00 -1.50"


class OneBox:
    """Stands for a network: one anchor in the middle of every image, as a Pedestrian."""

    def __call__(self, images, training):
        count = len(build_anchors("d0", input_hw=(128, 128)))
        logits = np.full((1, count, len(KITTI8)), -10, np.float32)
        logits[0, count // 3, KITTI8.id_of("Pedestrian") - 1] = 3
        batch = tf.shape(images)[0]
        return {"class_logits": tf.tile(logits, [batch, 1, 1]), "box_codes": tf.zeros([batch, count, 4])}


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A run folder whose checkpoint loads as that network."""
    best = tmp_path / "run/weights/best"
    best.mkdir(parents=True)
    (best / FACTS_NAME).write_text("{}")
    facts = DetectorFacts(ModelConfig(variant="d0", input_hw=(128, 128)), KITTI8)
    monkeypatch.setattr(Detector, "load", {best: Detector(OneBox(), facts)}.__getitem__)
    monkeypatch.setattr(Detector, "load_for_few", {best: Detector(OneBox(), facts, compiled=False)}.__getitem__)
    return tmp_path / "run"


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(3):
        Image.fromarray(rng.integers(0, 255, (60, 200, 3), dtype=np.uint8)).save(folder / f"{number:06d}.png")
    return folder


def run(*args):
    app = typer.Typer()
    app.command()(predict)
    return CliRunner().invoke(app, [str(a) for a in args], env={"COLUMNS": "200"})


def test_writes_files_that_evaluate_kitti_reads_and_goes_on_past_a_corrupt_image(model, images, tmp_path):
    (images / "000001.png").write_bytes(b"damaged")
    saves = ("--save-images", "--save-kitti", "--save-json")
    result = run(images, "--model", model, "--out", tmp_path / "out", "--batch", 2, *saves)
    assert result.exit_code == 0, result.output
    assert "2 images, detections from score 0.3 on: Pedestrian 2" in result.output
    assert f"could not read {images / '000001.png'}" in result.output
    assert sorted(p.name for p in (tmp_path / "out/images").iterdir()) == ["000000.jpg", "000002.jpg"]
    labels = tmp_path / "labels"
    labels.mkdir()
    for number in range(3):
        (labels / f"{number:06d}.txt").write_text(LABEL + "\n")
    given = read_scoring_input(labels, tmp_path / "out/kitti")
    content = json.loads((tmp_path / "out/predictions.json").read_text())
    assert sum(map(len, given.detections.values())) == len(content["annotations"]) == 2

    again = run(images, "--model", model, "--out", tmp_path / "strict", "--save-json", "--fail-on-corrupt")
    assert again.exit_code == 1
    assert (tmp_path / "strict/predictions.json").is_file()


def test_images_are_saved_unless_told_not_to(model, images, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(images, "--model", model, "--batch", 2)
    assert result.exit_code == 0, result.output
    assert "saved in predictions" in result.output
    assert sorted(p.name for p in (tmp_path / "predictions" / "images").iterdir()) == [
        f"00000{n}.jpg" for n in range(3)
    ]
    assert [p.name for p in (tmp_path / "predictions").iterdir()] == ["images"]


def test_the_speed_of_an_image_is_that_after_the_first_batch():
    times = [(9.0, 5.0), (9.0, 5.0), (0.010, 0.020), (0.030, 0.040)]
    text = describe_speed(times, batch=2)
    assert "30.0 ms an image in the network" in text
    assert "20.0 ms to read" in text
    assert "first batch 10.0 s" in text
    assert "ms an image" not in describe_speed(times[:2], batch=2)


def test_the_speed_is_printed_and_the_network_not_compiled_for_a_few_batches(model, images, monkeypatch):
    result = run(images, "--model", model, "--batch", 2, "--no-save-images")
    assert re.search(r"speed: [\d.]+ s in the network, not compiled for so few", result.output)
    monkeypatch.setattr("kittidet.cli.predict._FEW_BATCHES", 1)
    result = run(images, "--model", model, "--batch", 2, "--no-save-images")
    assert re.search(r"speed: [\d.]+ ms an image in the network .* first batch [\d.]+ s", result.output)


def endless(frames):
    """A stream that a person stops with Ctrl-C at its third frame, and that goes on for ever."""
    for number in itertools.count():
        if number == 3:
            os.kill(os.getpid(), signal.SIGINT)
        yield partial(LoadedImage, f"camera0-{number:06d}", "camera0", frames)


def test_ctrl_c_ends_a_camera_with_everything_so_far_complete(model, tmp_path, monkeypatch):
    pixels = np.zeros((60, 200, 3), np.uint8)
    monkeypatch.setattr("kittidet.detect.sources.live_frames", lambda _: endless(pixels))
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGINT)
    result = run("0", "--model", model, "--batch", 1, "--save-json")
    assert result.exit_code == 0, result.output
    document = json.loads((tmp_path / "predictions" / "predictions.json").read_text())
    names = [Path(image["file_name"]).stem for image in document["images"]]
    drawn = sorted(p.stem for p in (tmp_path / "predictions" / "images").iterdir())
    assert drawn == [f"camera0-{number:06d}" for number in range(len(names))]
    assert 1 <= len(drawn) < 10
    assert f"{len(drawn)} images" in result.output
    assert signal.getsignal(signal.SIGINT) == before


def test_with_nothing_to_save_it_says_so(model, images, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(images / "000000.png", "--model", model / "weights" / "best", "--no-save-images")
    assert result.exit_code == 0, result.output
    assert "nothing saved" in result.output
    assert "synthetic" not in result.output
    assert not (tmp_path / "predictions").exists()


def test_a_detector_of_synthetic_scenes_says_so(model, images, finished_run):
    (model / "summary.json").write_bytes((finished_run / "summary.json").read_bytes())
    (model / "config.json").write_bytes((finished_run / "config.json").read_bytes())
    for path in (model, model / "weights" / "best"):
        result = run(images / "000000.png", "--model", path, "--no-save-images")
        assert "This detector was trained on synthetic scenes, not KITTI." in result.output


def test_what_cannot_work_is_refused_before_the_model_is_loaded(images, tmp_path):
    assert isinstance(run(tmp_path / "absent", "--model", tmp_path).exception, EvaluationError)
    assert isinstance(run(images, "--model", tmp_path, "--out", images).exception, EvaluationError)
    assert isinstance(run(images, "--model", tmp_path).exception, CheckpointMismatchError)
