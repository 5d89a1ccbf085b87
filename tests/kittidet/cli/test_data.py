"""kittidet.cli.data: drawing a set, and the exit code of an inspection."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kittidet.__main__ import app
from kittidet.classes import ClassTable
from kittidet.kitti.tree import open_tree
from kittidet.records.write import write_records


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()


def test_synth_draws_a_set_with_its_zips_or_without(runner, tmp_path):
    result = runner.invoke(app, ["synth", "--frames", "2", "--seed", "1", "--out", str(tmp_path / "a")])
    assert result.exit_code == 0, result.output
    assert len(open_tree(tmp_path / "a").frame_ids) == 2
    assert (tmp_path / "a" / "data_object_image_2.zip").is_file()
    runner.invoke(app, ["synth", "--frames", "2", "--seed", "1", "--out", str(tmp_path / "b"), "--no-zips"])
    assert not list((tmp_path / "b").glob("*.zip"))
    assert open_tree(tmp_path / "b").digest() == open_tree(tmp_path / "a").digest()


@pytest.mark.parametrize("frames", ["0", "-1", "many"])
def test_synth_refuses_a_number_of_frames_that_is_none(runner, tmp_path, frames):
    result = runner.invoke(app, ["synth", "--frames", frames, "--out", str(tmp_path / "a")])
    assert result.exit_code == 2
    assert not (tmp_path / "a").exists()


def write_some(root: Path, out: Path) -> Path:
    tree = open_tree(root)
    table = ClassTable(("Car", "Van"))
    out.mkdir()
    write_records(tree, tree.frame_ids[:3], split_name="train", table=table, num_shards=1, out_dir=out)
    return out


def test_inspect_accepts_good_records_and_draws_them(runner, tmp_path, synthetic_root):
    records = write_some(synthetic_root, tmp_path / "records")
    result = runner.invoke(app, ["inspect", str(records), "--grid", str(tmp_path / "grid.png")])
    assert result.exit_code == 0, result.output
    assert "3 frames" in result.output
    assert (tmp_path / "grid.png").stat().st_size > 1000


def test_inspect_ends_with_exit_code_1_on_damage(runner, tmp_path, synthetic_root):
    records = write_some(synthetic_root, tmp_path / "records")
    shard = next(records.glob("*.tfrecord"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    result = runner.invoke(app, ["inspect", str(records)])
    assert result.exit_code == 1
    assert shard.name in result.output


@pytest.mark.parametrize("named", [True, False])
def test_inspect_finds_the_images_that_records_refer_to_in_the_store_around_them(
    runner, tmp_path, synthetic_root, named
):
    tree = open_tree(synthetic_root)
    records = tmp_path / "store" / "records-train-1"
    options = {"split_name": "train", "table": ClassTable(("Car", "Van")), "num_shards": 1, "images_of": tree.digest()}
    write_records(tree, tree.frame_ids[:3], out_dir=records, **options)
    result = runner.invoke(app, ["inspect", str(records)])
    assert result.exit_code == 0, result.output
    assert "were not looked at" in result.output
    if named:
        arguments = ["--images", str(tree.images_dir)]
    else:
        arguments = []
        (tmp_path / "store" / "fetch-1").mkdir()
        note = {"root": str(tree.root), "content": tree.digest()}
        (tmp_path / "store" / "fetch-1" / "dataset.json").write_text(json.dumps(note))
    result = runner.invoke(app, ["inspect", str(records), *arguments, "--grid", str(tmp_path / "grid.png")])
    assert result.exit_code == 0, result.output
    assert "were not looked at" not in result.output
    assert (tmp_path / "grid.png").stat().st_size > 1000
