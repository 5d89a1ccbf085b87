"""The data of a run, found again by its content."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from kittidet.errors import DatasetContractError, StoreError
from kittidet.records.manifest import read_manifest
from kittidet.runs.data import images_beside, records_in_stores, tree_in_stores
from kittidet.runs.run import CONFIG, SUMMARY, Run


@pytest.fixture
def run(finished_run, tmp_path) -> Path:
    """A run beside the store that it says it was made in."""
    training = tmp_path / "store" / "fetch-1" / "kitti" / "training"
    for name in ("image_2", "label_2"):
        (training / name).mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(training / "image_2" / "000000.png")
    (training / "label_2" / "000000.txt").write_text("")
    (tmp_path / "store" / "fetch-1" / "dataset.json").write_text(json.dumps({"root": "kitti", "content": "abc"}))
    folder = Path(shutil.copytree(finished_run, tmp_path / "runs" / "mine"))
    change(folder / CONFIG, store_dir=str(tmp_path / "store"))
    change(folder / SUMMARY, digests={"data": "abc"}, store="../../store")
    return folder


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_records_are_found_in_the_store_by_side_and_digest(run, train_records, tmp_path):
    digest = read_manifest(train_records).digest
    made = Path(shutil.copytree(train_records, tmp_path / "store" / "records-train-1"))
    change(run / SUMMARY, digests={"data": "abc", "train_records": digest, "val_records": "gone"})
    assert Run.open(run).find_records("train").resolve() == made
    assert Run.open(run).find_records("val") is None
    assert records_in_stores([tmp_path / "nowhere", tmp_path / "store"], "train", "other") is None
    # Nor do runs of an earlier version know theirs.
    change(run / SUMMARY, digests={"data": "abc"})
    assert Run.open(run).find_records("train") is None


def test_images_that_records_refer_to_are_found_in_their_store(small_tree, referring, records, tmp_path):
    shutil.copytree(small_tree.root, tmp_path / "store" / "fetch-1" / "kitti")
    note = {"root": "kitti", "content": small_tree.digest()}
    (tmp_path / "store" / "fetch-1" / "dataset.json").write_text(json.dumps(note))
    beside, apart = tmp_path / "store" / "records-val-1", tmp_path / "elsewhere" / "records-val-1"
    for folder in (beside, apart):
        shutil.copytree(referring, folder)
    assert images_beside(beside) == tmp_path / "store" / "fetch-1" / "kitti" / "training" / "image_2"
    assert images_beside(apart) is None
    assert images_beside(records) is None
    (beside / "manifest.json").unlink()
    assert images_beside(beside) is None


def test_the_data_is_found_in_the_store_by_its_content(run, tmp_path):
    root = tmp_path / "store" / "fetch-1" / "kitti"
    assert Run.open(run).find_tree().root.resolve() == root
    assert tree_in_stores([tmp_path / "nowhere", tmp_path / "store"], "abc").root == root
    assert tree_in_stores([tmp_path / "store"], "other") is None


def test_store_and_runs_that_were_moved_together_find_each_other(run, tmp_path):
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("store", "runs"):
        (tmp_path / name).rename(moved / name)
    found = Run.open(moved / "runs" / "mine").find_tree()
    assert found.root.resolve() == moved / "store" / "fetch-1" / "kitti"


def test_a_run_that_was_moved_alone_finds_the_store_where_it_was(run, tmp_path):
    moved = run.rename(tmp_path / "mine")
    assert Run.open(moved).find_tree().root == tmp_path / "store" / "fetch-1" / "kitti"


def test_data_of_another_content_is_not_taken_for_it(run):
    change(run / SUMMARY, digests={"data": "other"})
    assert Run.open(run).find_tree() is None


def test_a_named_tree_is_used_and_must_be_one(run, tmp_path):
    named = tmp_path / "store" / "fetch-1" / "kitti"
    assert Run.open(run).find_tree(named).frame_ids == ("000000",)
    with pytest.raises(DatasetContractError):
        Run.open(run).find_tree(run)


@pytest.mark.parametrize("values", [{"digests": {}}, {"store": 3}])
def test_a_summary_that_does_not_say_where_is_refused(run, values):
    change(run / SUMMARY, **values)
    with pytest.raises(StoreError, match=r"summary\.json: wrong content"):
        Run.open(run).find_tree()


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"root": 3, "content": "abc"}'])
def test_a_damaged_note_in_the_store_is_named(run, tmp_path, content):
    (tmp_path / "store" / "fetch-1" / "dataset.json").write_text(content)
    with pytest.raises(StoreError, match=r"fetch-1/dataset\.json: .*Remove .*fetch-1, which can be made again"):
        Run.open(run).find_tree()
