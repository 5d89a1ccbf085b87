import json
from pathlib import Path

import pytest
from PIL import Image

from kittidet.config import RunConfig
from kittidet.errors import DatasetContractError, StoreError
from kittidet.runs.data import find_tree


@pytest.fixture
def run(tmp_path) -> Path:
    for name in ("image_2", "label_2"):
        (tmp_path / "store" / "fetch-1" / "kitti" / "training" / name).mkdir(parents=True)
    training = tmp_path / "store" / "fetch-1" / "kitti" / "training"
    Image.new("RGB", (8, 8)).save(training / "image_2" / "000000.png")
    (training / "label_2" / "000000.txt").write_text("")
    (tmp_path / "store" / "fetch-1" / "dataset.json").write_text(json.dumps({"root": "kitti", "content": "abc"}))
    folder = tmp_path / "runs" / "mine"
    folder.mkdir(parents=True)
    config = RunConfig(store_dir=tmp_path / "store").model_dump(mode="json")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "summary.json").write_text(json.dumps({"digests": {"data": "abc"}}))
    return folder


def test_the_data_is_found_in_the_store_by_its_content(run, tmp_path):
    assert find_tree(run, None).root == tmp_path / "store" / "fetch-1" / "kitti"


def test_store_and_runs_that_were_moved_together_find_each_other(run, tmp_path):
    (run / "summary.json").write_text(json.dumps({"digests": {"data": "abc"}, "store": "../../store"}))
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("store", "runs"):
        (tmp_path / name).rename(moved / name)
    assert find_tree(moved / "runs" / "mine", None).root.resolve() == moved / "store" / "fetch-1" / "kitti"


def test_a_run_that_was_moved_alone_finds_the_store_where_it_was(run, tmp_path):
    (run / "summary.json").write_text(json.dumps({"digests": {"data": "abc"}, "store": "../../store"}))
    assert find_tree(run.rename(tmp_path / "mine"), None).root == tmp_path / "store" / "fetch-1" / "kitti"


def test_data_of_another_content_is_not_taken_for_it(run):
    (run / "summary.json").write_text(json.dumps({"digests": {"data": "other"}}))
    assert find_tree(run, None) is None


def test_a_named_tree_is_used_and_must_be_one(run, tmp_path):
    named = tmp_path / "store" / "fetch-1" / "kitti"
    assert find_tree(run, named).frame_ids == ("000000",)
    with pytest.raises(DatasetContractError):
        find_tree(run, tmp_path)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"digests": {}}'])
def test_a_folder_that_is_no_run_is_refused(run, content):
    (run / "summary.json").unlink()
    if content is not None:
        (run / "summary.json").write_text(content)
    with pytest.raises(StoreError, match="not a finished run"):
        find_tree(run, None)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"root": 3, "content": "abc"}'])
def test_a_damaged_note_in_the_store_is_named(run, tmp_path, content):
    (tmp_path / "store" / "fetch-1" / "dataset.json").write_text(content)
    with pytest.raises(StoreError, match=r"fetch-1/dataset\.json: cannot be read"):
        find_tree(run, None)
