"""kittidet.steps.records: one output a side, keyed by data, frames, classes and shards."""

import shutil
from pathlib import Path

import pytest

from kittidet.config import RecordsConfig, SourceConfig, SplitConfig, ValidateConfig
from kittidet.records.inspect import inspect_records
from kittidet.records.manifest import read_manifest
from kittidet.steps.fetch import dataset_tree, fetch
from kittidet.steps.records import records_key, write
from kittidet.steps.split import split, split_ids
from kittidet.steps.validate import validate
from kittidet.store import Store


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, synthetic_root: Path):
    store = Store(tmp_path_factory.mktemp("records") / "store")
    dataset = fetch(store, SourceConfig(kind="folder", path=synthetic_root))
    return store, dataset, split(store, dataset, validate(store, dataset, ValidateConfig()), SplitConfig())


def test_each_side_holds_its_frames_and_no_more_shards_than_frames(inputs):
    store, _, parts = inputs
    for side in ("train", "val"):
        output = write(*inputs, side, RecordsConfig())
        manifest = read_manifest(store.path(output))
        assert manifest.num_frames == len(split_ids(store, parts, side)) == output.summary["frames"]
        assert len(manifest.shards) == min(RecordsConfig().train_shards, manifest.num_frames)
        assert output.summary["records_digest"] == manifest.digest


def test_classes_and_shards_are_part_of_the_key(inputs):
    _, dataset, parts = inputs
    keys = {
        records_key(dataset, parts, "train", RecordsConfig()),
        records_key(dataset, parts, "val", RecordsConfig()),
        records_key(dataset, parts, "train", RecordsConfig(classes="kitti3")),
        records_key(dataset, parts, "train", RecordsConfig(train_shards=3)),
        records_key(dataset, parts, "train", RecordsConfig(unlisted="ignore")),
    }
    assert len(keys) == 5
    assert records_key(dataset, parts, "train", RecordsConfig(val_shards=3)) in keys
    neutral = RecordsConfig(neutral={"Van": "Car"})
    assert records_key(dataset, parts, "train", neutral) not in keys
    # What is neutral in the loss is no matter of the scores.
    assert records_key(dataset, parts, "val", neutral) in keys


def test_a_box_that_validation_lets_leave_the_image_is_clipped_not_refused(tmp_path, synthetic_root):
    shutil.copytree(synthetic_root / "training", tmp_path / "copy" / "training")
    label = tmp_path / "copy" / "training" / "label_2" / "000000.txt"
    label.write_text("Car 0.10 0 0.00 -2.50 20.00 110.00 80.00 1.50 1.60 3.90 0.00 1.60 20.00 0.00\n")
    store = Store(tmp_path / "store")
    dataset = fetch(store, SourceConfig(kind="folder", path=tmp_path / "copy"))
    validation = validate(store, dataset, ValidateConfig(edge_tolerance_px=3))
    assert validation.summary["set_aside"] == 0
    parts = split(store, dataset, validation, SplitConfig())
    frames = sum(write(store, dataset, parts, side, RecordsConfig()).summary["frames"] for side in ("train", "val"))
    assert frames == 10


def test_images_stay_the_data_sets_files_and_another_table_costs_kilobytes(inputs):
    store, dataset, parts = inputs
    images = sum(path.stat().st_size for path in dataset_tree(store, dataset).images_dir.iterdir())
    for table in ("kitti8", "kitti3"):
        outputs = [write(store, dataset, parts, side, RecordsConfig(classes=table)) for side in ("train", "val")]
        assert sum(output.summary["bytes"] for output in outputs) < images / 20
        assert {output.summary["images_of"] for output in outputs} == {dataset.summary["content"]}


def test_records_that_hold_their_images_are_another_output_of_the_same_frames(inputs):
    store = inputs[0]
    held, referring = (write(*inputs, "train", RecordsConfig(images=images)) for images in ("embedded", "referenced"))
    assert held.digest != referring.digest
    assert read_manifest(store.path(held)).images_of is held.summary["images_of"] is None
    assert inspect_records(store.path(held)).sizes
    same = ("frames", "objects", "counts", "classes", "shards")
    assert [held.summary[name] for name in same] == [referring.summary[name] for name in same]
