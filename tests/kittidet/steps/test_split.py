"""kittidet.steps.split: both lists in one output, known by frames, drives and method."""

import json
import shutil
from pathlib import Path

import pytest
from fixtures.damage import flip_a_bit

from kittidet.config import SourceConfig, SplitConfig, ValidateConfig
from kittidet.errors import DamagedOutputError
from kittidet.kitti.nearness import Nearness
from kittidet.steps.fetch import fetch
from kittidet.steps.split import split, split_ids, split_key
from kittidet.steps.validate import validate
from kittidet.store import Store


@pytest.fixture
def inputs(tmp_path: Path, synthetic_root: Path):
    store = Store(tmp_path / "store")
    dataset = fetch(store, SourceConfig(kind="folder", path=synthetic_root))
    return store, dataset, validate(store, dataset, ValidateConfig())


def test_the_sides_are_disjoint_and_complete(inputs):
    output = split(*inputs, SplitConfig())
    train, val = split_ids(inputs[0], output, "train"), split_ids(inputs[0], output, "val")
    assert set(train) & set(val) == set()
    assert len(train) + len(val) == 10
    assert (len(train), len(val)) == (output.summary["n_train"], output.summary["n_val"])


@pytest.mark.parametrize("name", ["train.txt", "val.txt", "nearest.json", "split.json"])
def test_one_changed_digit_with_its_time_kept_is_not_believed_and_the_list_is_made_again(inputs, name, caplog):
    store = inputs[0]
    output = split(*inputs, SplitConfig())
    file = store.path(output) / name
    whole = file.read_bytes()
    flip_a_bit(file)
    again = split(*inputs, SplitConfig())
    assert not again.cached
    assert file.read_bytes() == whole
    (warning,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert f"{file}: changed since it was written: expected sha256 " in warning


def test_a_list_that_changes_while_it_is_in_use_is_not_read(inputs):
    output = split(*inputs, SplitConfig())
    flip_a_bit(inputs[0].path(output) / "val.txt")
    with pytest.raises(DamagedOutputError, match=r"val\.txt"):
        split_ids(inputs[0], output, "val")


def test_the_leakage_is_known_where_the_drives_are(inputs):
    leakage = split(*inputs, SplitConfig()).summary["leakage"]
    assert 0 <= leakage["share"] <= 1


def test_where_the_drives_are_known_nearness_is_in_seconds_and_agrees_with_the_leakage(inputs):
    output = split(*inputs, SplitConfig())
    nearness = Nearness.from_json(json.loads((inputs[0].path(output) / "nearest.json").read_text()))
    assert set(nearness.nearest) == set(split_ids(inputs[0], output, "val"))
    assert output.summary["nearness"]["kind"] == nearness.kind == "seconds"
    shared = sum(one is not None for one in nearness.nearest.values())
    assert shared == output.summary["leakage"]["shared_val_frames"]


def test_without_drives_the_images_are_compared(tmp_path, synthetic_root):
    root = shutil.copytree(synthetic_root / "training", tmp_path / "copy" / "training").parent
    shutil.copyfile(root / "training" / "image_2" / "000003.png", root / "training" / "image_2" / "000007.png")
    (tmp_path / "t.txt").write_text("000000\n000003\n")
    (tmp_path / "v.txt").write_text("000001\n000007\n")
    store = Store(tmp_path / "store")
    dataset = fetch(store, SourceConfig(kind="folder", path=root))
    config = SplitConfig(method="lists", train_list=tmp_path / "t.txt", val_list=tmp_path / "v.txt")
    output = split(store, dataset, validate(store, dataset, ValidateConfig(max_bad_share=0.5)), config)
    assert output.summary["leakage"] is None
    assert output.summary["nearness"]["kind"] == "hash_bits"
    nearest = json.loads((store.path(output) / "nearest.json").read_text())["nearest"]
    assert nearest["000007"] == ["000003", 0.0]
    assert set(nearest) == {"000001", "000007"}


@pytest.mark.parametrize("change", [{"seed": 1}, {"method": "drive"}, {"val_share": 0.4}])
def test_every_setting_is_part_of_the_key(inputs, change):
    assert split_key(*inputs, SplitConfig()) != split_key(*inputs, SplitConfig(**change))


def test_a_second_request_is_cached(inputs):
    assert not split(*inputs, SplitConfig()).cached
    assert split(*inputs, SplitConfig()).cached


def test_own_lists_are_known_by_what_they_say(inputs, tmp_path):
    (tmp_path / "t.txt").write_text("000000\n000001.png\n")
    (tmp_path / "v.txt").write_text("000002\n")
    config = SplitConfig(method="lists", train_list=tmp_path / "t.txt", val_list=tmp_path / "v.txt")
    output = split(*inputs, config)
    assert split_ids(inputs[0], output, "train") == ("000000", "000001")
    assert (output.summary["absent"], output.summary["unlisted"]) == (0, 7)
    moved = config.model_copy(update={"val_list": (tmp_path / "v.txt").rename(tmp_path / "w.txt")})
    assert split(*inputs, moved).cached
    (tmp_path / "w.txt").write_text("000003\n")
    assert not split(*inputs, moved).cached


def test_without_a_list_to_score_on_the_frames_of_training_are_scored_and_the_summary_says_so(inputs, tmp_path):
    (tmp_path / "t.txt").write_text("000000\n000001\n000002\n")
    output = split(*inputs, SplitConfig(method="lists", train_list=tmp_path / "t.txt"))
    assert split_ids(inputs[0], output, "train") == split_ids(inputs[0], output, "val")
    assert output.summary["val_is_train"]
    assert output.summary["nearness"]["near"] == 3
    assert not split(*inputs, SplitConfig()).summary["val_is_train"]


def test_lists_without_files_are_a_wrong_configuration():
    with pytest.raises(ValueError, match=r"expected split\.train_list, and split\.val_list"):
        SplitConfig(method="lists")


def test_a_part_of_kitti_by_chens_lists_has_counts_in_its_summary(inputs):
    output = split(*inputs, SplitConfig(method="chen"))
    assert (output.summary["absent"], output.summary["unlisted"]) == (7471, 0)
    assert len((inputs[0].path(output) / "absent.txt").read_text().splitlines()) == 7471
