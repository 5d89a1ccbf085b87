import re
from pathlib import Path

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from kittidet.cli.convert import convert
from kittidet.errors import ConfigError, DatasetContractError

CAR = "Car 0.12 1 -1.57 9.41 6.40 29.75 19.25 2.85 2.63 12.34 0.47 1.49 69.44 -1.56\n"


@pytest.fixture
def run():
    app = typer.Typer()
    app.command()(convert)

    def call(*arguments: object) -> str:
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        if result.exception is not None:
            raise result.exception
        return result.output

    return call


@pytest.fixture
def tree(tmp_path) -> Path:
    for i in range(2):
        for name in ("image_2", "label_2"):
            (tmp_path / "kitti" / "training" / name).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 32)).save(tmp_path / f"kitti/training/image_2/00000{i}.png")
        (tmp_path / f"kitti/training/label_2/00000{i}.txt").write_text(CAR)
    return tmp_path / "kitti"


def test_coco_and_back_says_that_nothing_is_lost(run, tree, tmp_path):
    assert "nothing was lost" in run(tree, "--to", "coco", "--out", tmp_path / "coco")
    said = run("--from", "coco", tmp_path / "coco/annotations/all.json", "--out", tmp_path / "back")
    assert re.search(r"2 frames, 2 rows", said)
    assert (tmp_path / "back/training/label_2/000001.txt").read_text() == CAR


def test_yolo_by_lists_says_what_is_lost(run, tree, tmp_path):
    (tmp_path / "train.txt").write_text("000001\n")
    said = run(tree, "--to", "yolo", "--out", tmp_path / "yolo", "--list", tmp_path / "train.txt")
    assert "lost in conversion" in said
    assert [p.name for p in (tmp_path / "yolo/labels/train").iterdir()] == ["000001.txt"]


def test_directions_that_do_not_exist_are_refused(run, tree, tmp_path):
    with pytest.raises(ConfigError, match="kitti to kitti"):
        run(tree, "--out", tmp_path / "out")
    with pytest.raises(ConfigError, match="coco to yolo"):
        run(tree, "--from", "coco", "--to", "yolo", "--out", tmp_path / "out")


def test_a_bad_map_or_list_is_refused(run, tree, tmp_path):
    with pytest.raises(ConfigError, match="category=Type"):
        run("--from", "coco", "x.json", "--out", tmp_path / "out", "--map", "bus")
    with pytest.raises(DatasetContractError, match="list of frames"):
        run(tree, "--to", "coco", "--out", tmp_path / "out", "--list", tmp_path / "none.txt")
