"""Files in files: zips from a server, TFRecords of other writers, step outputs."""

import io
import shutil
import zipfile

import pytest
from fixtures.small_records import encode_example
from fuzz.mutations import EDGES, damaged_bytes, damaged_json
from hypothesis import strategies as st

from kittidet.files import write_json
from kittidet.kitti.archive.unzip import extract_zip, list_members
from kittidet.records.grid import draw_grid
from kittidet.records.inspect import inspect_records
from kittidet.records.manifest import MANIFEST_NAME, read_manifest
from kittidet.records.message import decode_example
from kittidet.records.shard import ShardWriter, index_records, read_record, read_records
from kittidet.store import MANIFEST, Store, step_key

NAMES = ("training/label_2/000001.txt", "training/image_2/000001.png", "training/label_2/" + "n" * 300 + ".txt")
WANTED = ("training/label_2/*.txt", "training/image_2/*.png")


def zipped(names, method):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name in names:
            archive.writestr(name, "Car 0 0 0\n" * 20)
    return buffer.getvalue()


def test_zips(fuzz, tmp_path):
    good = [
        zipped(names, method) for names in (NAMES[:2], NAMES) for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    ]
    file, out = tmp_path / "a.zip", tmp_path / "out"

    def read(data):
        file.write_bytes(data)
        shutil.rmtree(out, ignore_errors=True)
        list_members(file, wanted=WANTED)
        try:
            extract_zip(file, out, wanted=WANTED)
        finally:
            # Whatever an archive says, and however it ends: nothing is written outside the folder.
            assert {path.name for path in tmp_path.iterdir()} <= {"a.zip", "out"}

    # The directory, of which a reader believes most, is at the end.
    turned = damaged_bytes([data[::-1] for data in good]).map(lambda data: data[::-1])
    fuzz(damaged_bytes(good) | turned, read)


@pytest.mark.parametrize("length", range(100, 300, 40))
def test_members_of_long_names(tmp_path, fuzz, length):
    def read(parts):
        (tmp_path / "a.zip").write_bytes(zipped(["training/label_2/" + "/".join(parts) + ".txt"], zipfile.ZIP_STORED))
        extract_zip(tmp_path / "a.zip", tmp_path / "out", wanted=("training/label_2/*.txt",))

    fuzz(st.lists(st.text("né😀", min_size=length, max_size=length), min_size=1, max_size=2), read)


def test_shards(fuzz, records, tmp_path):
    file = tmp_path / "a.tfrecord"
    good = [path.read_bytes() for path in sorted(records.glob("*.tfrecord"))]

    def read(data):
        file.write_bytes(data)
        whole = list(read_records(file))
        # Both ways of reading see the same, or neither does.
        assert [read_record(file, span) for span in index_records(file)] == whole

    fuzz(damaged_bytes(good), read)


def payloads(records):
    return [payload for path in sorted(records.glob("*.tfrecord")) for payload in read_records(path)]


def test_inspect_of_records_with_right_checksums(fuzz, records, tmp_path):
    file = tmp_path / "a.tfrecord"

    def read(payload):
        with ShardWriter(file) as writer:
            writer.write(payload)
        inspect_records(tmp_path)
        draw_grid(tmp_path, tmp_path / "grid.png")

    fuzz(damaged_bytes(payloads(records)), read)


def test_inspect_of_features_of_any_kind(fuzz, records, tmp_path):
    file = tmp_path / "a.tfrecord"
    good = decode_example(payloads(records)[0], where="good")
    numbers = st.integers(-(2**63), 2**63 - 1) | st.sampled_from(EDGES)
    values = st.one_of(
        st.tuples(st.just("bytes"), st.lists(st.binary(max_size=20), max_size=4)),
        st.tuples(st.just("float"), st.lists(st.floats(width=32), max_size=4)),
        st.tuples(st.just("int64"), st.lists(numbers, max_size=4)),
    )

    def read(changes):
        with ShardWriter(file) as writer:
            writer.write(encode_example(good | changes))
        inspect_records(tmp_path)
        draw_grid(tmp_path, tmp_path / "grid.png")

    fuzz(st.dictionaries(st.sampled_from(sorted(good)), values, min_size=1, max_size=3), read)


def test_records_that_refer_to_images(fuzz, referring, small_tree, tmp_path):
    folder = tmp_path / "records"
    shutil.copytree(referring, folder)
    shard = min(folder.glob("*.tfrecord"))
    good = list(read_records(shard))

    def read(payload):
        with ShardWriter(shard) as writer:
            for one in (payload, *good[1:]):
                writer.write(one)
        inspect_records(folder, images_dir=small_tree.images_dir)
        draw_grid(folder, tmp_path / "grid.png", images_dir=small_tree.images_dir)

    fuzz(damaged_bytes(good[:1]), read)


def test_manifests_of_records(fuzz, records, tmp_path):
    import json

    folder = tmp_path / "records"
    shutil.copytree(records, folder)
    good = json.loads((records / MANIFEST_NAME).read_text())

    def read(document):
        (folder / MANIFEST_NAME).write_text(json.dumps(document))
        inspect_records(folder)
        read_manifest(folder)

    fuzz(damaged_json(good), read)


def test_manifests_of_step_outputs(fuzz, tmp_path):
    import json

    store, key = Store(tmp_path), step_key("split", 1)
    store.get_or_make(key, lambda folder: write_json(folder / "a.json", 1) or {"n": 1})
    file = store.path(key) / MANIFEST
    good = json.loads(file.read_text())

    def read(document):
        file.write_text(json.dumps(document))
        store.problems(key)
        list(store.examine())

    fuzz(damaged_json(good), read)
