"""Predictions as files that other tools, and ours, read back."""

import json

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from kittidet.classes import KITTI8
from kittidet.detect.images import LoadedImage
from kittidet.detect.prediction_files import prediction_writer
from kittidet.detect.predictor import ImageDetections
from kittidet.errors import EvaluationError
from kittidet.frame import Detections

FOUND = Detections(
    "000003",
    np.array([[1.25, 2.5, 40.75, 30], [0, 0, 5, 5]], np.float32),
    np.array([0.875, 0.0625], np.float32),
    np.array([1, 4], np.int32),
)
NOTHING = Detections("000004", np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))


def seen(found):
    return ImageDetections(LoadedImage(found.frame_id, f"{found.frame_id}.png", np.zeros((40, 60, 3), np.uint8)), found)


def writer(folder, **wanted):
    return prediction_writer(folder, KITTI8, min_score=0.5, **wanted)


def test_everything_that_is_asked_for_is_written(tmp_path):
    with writer(tmp_path / "out", images=True, kitti=True, coco=True) as write:
        write(seen(FOUND))
        write(seen(NOTHING))
        assert not (tmp_path / "out").exists()
    assert sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")) == [
        "images/000003.jpg",
        "images/000004.jpg",
        "kitti/000003.txt",
        "kitti/000004.txt",
        "predictions.json",
    ]
    with Image.open(tmp_path / "out/images/000003.jpg") as drawn:
        assert drawn.size == (60, 40)
        assert np.asarray(drawn).max() > 150
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_the_json_is_a_coco_data_set_with_scores(tmp_path, capsys):
    with writer(tmp_path / "out", coco=True) as write:
        write(seen(FOUND))
        write(seen(NOTHING))
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["predictions.json"]
    content = json.loads((tmp_path / "out/predictions.json").read_text())
    assert [row["frame_id"] for row in content["images"]] == ["000003", "000004"]
    assert content["images"][0]["file_name"] == "000003.png"
    assert content["annotations"][0]["bbox"] == [1.25, 2.5, 39.5, 27.5]
    assert [row["score"] for row in content["annotations"]] == [0.875, 0.0625]
    loaded = COCO(str(tmp_path / "out/predictions.json"))
    assert loaded.getAnnIds(imgIds=[1]) == [1, 2]
    assert capsys.readouterr().err == ""


def test_a_failure_leaves_nothing(tmp_path):
    unwritable = Detections("absent/000001", FOUND.xyxy, FOUND.scores, FOUND.class_ids)
    with pytest.raises(FileNotFoundError), writer(tmp_path / "out", kitti=True) as write:  # noqa: PT012
        write(seen(FOUND))
        write(seen(unwritable))
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_never_overwritten(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "kept.txt").write_text("x")
    with pytest.raises(EvaluationError, match="it holds something"), writer(tmp_path / "out", kitti=True):
        pass
    assert [p.name for p in tmp_path.rglob("*")] == ["out", "kept.txt"]
