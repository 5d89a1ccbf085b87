import json

import pytest

from kittidet.classes import KITTI8
from kittidet.errors import RecordError
from kittidet.records.manifest import MANIFEST_NAME, read_manifest, records_digest, write_manifest


def change(folder, **values):
    path = folder / MANIFEST_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_folder_without_manifest_is_not_finished(tmp_path):
    with pytest.raises(RecordError, match="is unfinished"):
        read_manifest(tmp_path)


def test_what_is_written_is_read(three_records):
    manifest = read_manifest(three_records)
    write_manifest(three_records, manifest)
    assert read_manifest(three_records) == manifest


def test_it_counts_what_was_written(three_records):
    manifest = read_manifest(three_records)
    assert (manifest.split, manifest.num_frames, manifest.num_objects, manifest.num_dont_care) == ("val", 3, 2, 2)
    assert manifest.counts == dict.fromkeys(KITTI8.names, 0) | {"Car": 1, "Pedestrainn": 1}
    assert (manifest.max_objects, manifest.max_dont_care) == (2, 1)
    assert [shard.name for shard in manifest.shards] == ["val-00000-of-00002.tfrecord", "val-00001-of-00002.tfrecord"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"version": 1}', '{"version": 99}', '{"version": 1, "shards": [{}]}']
)
def test_another_file_under_its_name_is_refused(three_records, text):
    (three_records / MANIFEST_NAME).write_text(text)
    with pytest.raises(
        RecordError, match=r"manifest\.json: not (valid JSON|a records manifest).* [Ww]rite the records again"
    ):
        read_manifest(three_records)


def test_a_shard_outside_the_folder_is_refused(three_records):
    path = three_records / MANIFEST_NAME
    path.write_text(path.read_text().replace("val-00000-of", "../val-00000-of"))
    with pytest.raises(RecordError, match="leads out of the folder"):
        read_manifest(three_records)


def test_a_missing_shard_is_named(three_records):
    (three_records / "val-00001-of-00002.tfrecord").unlink()
    with pytest.raises(RecordError, match=r"val-00001-of-00002\.tfrecord: expected \d+ bytes, got no file"):
        read_manifest(three_records)


def test_a_shard_of_another_size_is_named(three_records):
    (three_records / "val-00000-of-00002.tfrecord").write_bytes(b"short")
    with pytest.raises(RecordError, match=r"val-00000-of-00002\.tfrecord: expected \d+ bytes, got 5 bytes"):
        read_manifest(three_records)


def test_a_changed_class_table_is_found_by_the_digest(three_records):
    change(three_records, table={"names": ["Pedestrainn", "Car"], "merges": {}})
    with pytest.raises(RecordError, match="digest"):
        read_manifest(three_records)


def test_the_digest_changes_with_table_and_content(three_records):
    manifest = read_manifest(three_records)
    assert records_digest(manifest.table, manifest.shards) == manifest.digest
    assert records_digest(manifest.table, manifest.shards[::-1]) != manifest.digest
