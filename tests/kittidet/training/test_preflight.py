"""Records that cannot be learned from are refused before the first step."""

from dataclasses import replace

import pytest
from fixtures.small_records import encode_example

from kittidet.errors import TrainingError
from kittidet.model.anchors import build_anchors
from kittidet.records.manifest import read_manifest
from kittidet.records.message import decode_example
from kittidet.records.shard import ShardWriter, read_records
from kittidet.training.preflight import check_records


def check(folder, manifest=None, input_hw=(64, 128)):
    return check_records(
        folder,
        manifest or read_manifest(folder),
        input_hw=input_hw,
        anchors_xyxy=build_anchors("d0", input_hw=input_hw),
    )


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
    with pytest.raises(TrainingError, match="Boxes in pixels train to nothing"):
        check(tmp_path, replace(manifest, shards=manifest.shards[:1]))
