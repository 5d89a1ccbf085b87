"""Records that cannot be learned from are refused before the first step."""

import re
from dataclasses import replace

import pytest
from fixtures.small_records import encode_example

from kittidet.config import AugmentConfig, ModelConfig
from kittidet.errors import TrainingError
from kittidet.records.manifest import read_manifest
from kittidet.records.message import decode_example
from kittidet.records.shard import ShardWriter, read_records
from kittidet.training.preflight import check_records


def check(folder, manifest=None, input_hw=(64, 128), augment=None, **model):
    model = ModelConfig(variant="d0", input_hw=input_hw, **model)
    return check_records(folder, manifest or read_manifest(folder), model=model, augment=augment)


def test_coverage_is_a_share_that_grows_with_the_canvas(train_records):
    small, large = check(train_records), check(train_records, input_hw=(384, 1280))
    assert 0 <= small < large <= 1


def test_records_without_objects_are_refused(train_records):
    empty = replace(read_manifest(train_records), num_objects=0)
    with pytest.raises(TrainingError, match="expected objects to learn from"):
        check(train_records, empty)


def test_boxes_in_pixels_are_refused(train_records, tmp_path):
    manifest = read_manifest(train_records)
    name = manifest.shards[0].name
    with ShardWriter(tmp_path / name) as writer:
        for payload in read_records(train_records / name):
            features = decode_example(payload, where=name)
            for side in ("xmin", "ymin", "xmax", "ymax"):
                kind, values = features[f"image/object/bbox/{side}"]
                features[f"image/object/bbox/{side}"] = (kind, [1000 * v for v in values])
            writer.write(encode_example(features))
    with pytest.raises(TrainingError, match="Boxes in pixels teach nothing"):
        check(tmp_path, replace(manifest, shards=manifest.shards[:1]))


def test_classes_whose_objects_anchors_miss_are_named_with_the_scale_that_reaches_them(train_records, caplog):
    share = check(train_records, input_hw=(384, 1280), anchor_scale=20.0)
    assert share < 0.5
    (said,) = (r.getMessage() for r in caplog.records if r.levelname == "WARNING")
    assert "anchors reach few objects of " in said
    assert "Car " in said
    assert "20 reaches" in said
    assert re.search(r"set model\.anchor_scale=[234]$", said)


def test_resizing_in_training_counts_in_the_advice(train_records, caplog):
    check(train_records, input_hw=(384, 1280), anchor_scale=20.0, augment=AugmentConfig(scale_min=0.1, scale_max=0.2))
    (said,) = (r.getMessage() for r in caplog.records if r.levelname == "WARNING")
    # A tenth of their size: smaller than any of the anchors that are tried.
    assert said.endswith("a larger model.input_hw would reach more")
