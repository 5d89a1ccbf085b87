import gzip
import io
import struct
import zlib

import pytest
from fixtures.small_records import SHARD, change
from PIL import Image

from kittidet.errors import RecordError
from kittidet.records.inspect import inspect_records
from kittidet.records.message import decode_example
from kittidet.records.shard import read_records


@pytest.fixture
def foreign(three_records):
    """The same records as another writer would leave them: no manifest, none of this project's own keys."""
    (three_records / "manifest.json").unlink()
    for shard in sorted(three_records.glob("*.tfrecord")):
        for record in range(len(list(read_records(shard)))):
            found = decode_example(list(read_records(shard))[record], where="")
            own = {name: None for name in found if "/kitti/" in name or "/dont_care/" in name}
            change(three_records, shard.name, record, **own)
    return three_records


def test_a_folder_without_records_is_an_error(tmp_path):
    with pytest.raises(RecordError, match="got none"):
        inspect_records(tmp_path)


def test_sound_records_have_no_problems(three_records):
    report = inspect_records(three_records)
    assert report.problems == ()
    assert (report.num_shards, report.num_frames, report.num_objects) == (2, 3, 2)
    assert (report.num_dont_care, report.num_empty, report.has_manifest) == (2, 2, True)
    assert report.counts["Car"] == report.counts["Pedestrian"] == 1
    assert report.counts["Tram"] == 0
    assert report.sizes == {(80, 50): 3}
    assert report.ranges["image/object/bbox/xmin"] == pytest.approx((0.125, 0.625))
    assert report.first_boxes[0].startswith("000003 label 1: 0.1250 0.2500 0.3781 0.8000")
    assert report.first_boxes[0].endswith("10.0 12.5 30.3 40.0 px")


def test_records_of_another_writer_are_read_without_a_manifest(foreign):
    report = inspect_records(foreign)
    assert report.problems == ()
    assert not report.has_manifest
    assert dict(report.counts) == {"Car": 1, "Pedestrian": 1}


def test_one_file_can_be_inspected(foreign):
    assert inspect_records(foreign / SHARD).num_frames == 2


@pytest.mark.parametrize(
    ("features", "problem"),
    [
        ({"image/object/bbox/xmax": ("float", [30.25, 60.0])}, "expected sides in 0..1"),
        ({"image/object/bbox/xmin": ("float", [-0.1, 0.5])}, "expected sides in 0..1"),
        ({"image/object/bbox/ymin": ("float", [float("nan"), 0.5])}, "expected sides in 0..1"),
        ({"image/object/bbox/xmin": ("float", [0.9, 0.5])}, "xmin < xmax"),
        ({"image/dont_care/bbox/ymax": ("float", [9.0])}, "expected sides in 0..1"),
        ({"image/object/class/label": ("int64", [0, 4])}, "expected 1..8, got 0"),
        ({"image/object/class/label": ("int64", [9, 4])}, "expected 1..8, got 9"),
        ({"image/object/class/label": ("int64", [2, 4])}, "label 2 is Van in the manifest, Car in the record"),
        ({"image/object/class/label": ("int64", [1])}, "expected 2 values"),
        ({"image/width": ("int64", [1242])}, "expected the image to be 1242x50, got 80x50"),
        ({"image/encoded": ("bytes", [b"no image"])}, "is not an image"),
        ({"image/encoded": None}, "expected image/encoded, got none"),
        ({"image/source_id": ("bytes", [b"11"])}, "is used twice"),
    ],
)
def test_what_breaks_a_reader_is_a_problem(three_records, features, problem):
    change(three_records, **features)
    report = inspect_records(three_records)
    assert any(problem in line and "val-0000" in line for line in report.problems), report.problems
    assert report.num_problems == len(report.problems)


@pytest.mark.parametrize(("kind", "keep"), [("PNG", 60), ("PNG", -200), ("JPEG", -200), ("BMP", -200)])
def test_an_image_cut_short_is_a_problem_in_any_format(three_records, kind, keep):
    """Case: records_image_cut_short."""
    stream = io.BytesIO()
    Image.effect_noise((80, 50), 90).convert("RGB").save(stream, kind)
    change(three_records, **{"image/encoded": ("bytes", [stream.getvalue()])})
    assert not any("image/encoded" in line for line in inspect_records(three_records).problems)
    change(three_records, **{"image/encoded": ("bytes", [stream.getvalue()[:keep]])})
    assert any("record 0" in line and "image/encoded is" in line for line in inspect_records(three_records).problems)


def test_a_png_that_lacks_rows_is_a_problem(three_records):
    """Every chunk is whole, but the pixels end early: Pillow would fill them with black."""
    encoded = decode_example(next(read_records(three_records / SHARD)), where="")["image/encoded"][1][0]
    taller = b"IHDR" + struct.pack(">II", 80, 51) + encoded[24:29]
    change(
        three_records,
        **{
            "image/encoded": ("bytes", [encoded[:12] + taller + struct.pack(">I", zlib.crc32(taller)) + encoded[33:]]),
            "image/height": ("int64", [51]),
        },
    )
    assert any("bytes of rows are present" in line for line in inspect_records(three_records).problems)


def test_a_label_with_two_names_is_a_problem(foreign):
    """Case: records_two_names_one_id. Each record is right by itself."""
    change(foreign, **{"image/object/class/label": ("int64", [1, 1])})
    assert any("label 1: expected one name, got Car, Pedestrian" in line for line in inspect_records(foreign).problems)


def test_a_shard_without_records_is_a_problem(foreign):
    (foreign / SHARD).write_bytes(b"")
    assert (
        f"{SHARD}: expected one or more records, got 0. Write the records again." in inspect_records(foreign).problems
    )


def test_a_compressed_shard_is_named_and_read(foreign):
    before = inspect_records(foreign)
    (foreign / SHARD).write_bytes(gzip.compress((foreign / SHARD).read_bytes()))
    report = inspect_records(foreign)
    assert report.notes == (f"{SHARD}: GZIP-compressed; readers have to be told so",)
    assert report.problems == ()
    assert (report.num_frames, report.counts) == (before.num_frames, before.counts)
    (foreign / SHARD).write_bytes((foreign / SHARD).read_bytes()[:-20])
    assert any("GZIP-compressed and damaged" in line for line in inspect_records(foreign).problems)


@pytest.mark.parametrize("label", [0, -3])
def test_labels_below_one_are_problems_without_a_manifest_too(foreign, label):
    change(foreign, **{"image/object/class/label": ("int64", [label, 4])})
    assert any("expected 1.., got" in line for line in inspect_records(foreign).problems)


def test_damage_in_one_shard_is_a_problem_and_the_others_are_still_read(three_records):
    data = bytearray((three_records / SHARD).read_bytes())
    data[40] ^= 1
    (three_records / SHARD).write_bytes(data)
    report = inspect_records(three_records)
    assert any(f"{SHARD}: byte" in line for line in report.problems)
    assert any("expected frames 3, got 1" in line for line in report.problems)
    assert report.num_frames == 1


def test_sound_records_that_are_not_the_manifests_are_a_problem(three_records):
    change(three_records, **{"image/filename": ("bytes", [b"000009.png"])})
    assert any("sha256 differs from the manifest's" in line for line in inspect_records(three_records).problems)


def test_a_missing_shard_is_a_problem(three_records):
    (three_records / SHARD).unlink()
    assert any("got no file" in line for line in inspect_records(three_records).problems)


def test_problems_are_counted_beyond_those_listed(three_records):
    change(three_records, **{"image/object/class/label": ("int64", [0, 0])})
    report = inspect_records(three_records, max_problems=1)
    assert len(report.problems) == 1
    assert report.num_problems > 1


def test_ids_that_are_file_names_are_noted_not_refused(foreign):
    change(foreign, **{"image/source_id": ("bytes", [b"a/000003.png"])})
    report = inspect_records(foreign)
    assert report.problems == ()
    assert "google/automl cannot read it" in report.notes[0]


def test_records_without_any_box_are_noted(foreign):
    for side in ("xmin", "ymin", "xmax", "ymax"):
        change(foreign, **{f"image/object/bbox/{side}": None})
    change(foreign, **{"image/object/class/label": None})
    assert any("no record has a box" in note for note in inspect_records(foreign).notes)


@pytest.mark.parametrize(
    ("name", "values", "problem"),
    [
        ("image/object/class/text", ("int64", [1, 2, 3]), "image/object/class/text: expected bytes values, got int64"),
        ("image/object/bbox/xmin", ("bytes", [b"a", b"b"]), "image/object/bbox/xmin: expected float values, got bytes"),
        ("image/width", ("bytes", [b"124"]), "image/width: expected int64 values, got bytes"),
        ("image/source_id", ("float", [1.0]), "image/source_id: expected bytes values, got float"),
        ("image/encoded", ("int64", [3]), "image/encoded: expected bytes values, got int64"),
    ],
)
def test_values_of_another_kind_are_a_problem(three_records, name, values, problem):
    change(three_records, **{name: values})
    report = inspect_records(three_records)
    assert any(problem in line for line in report.problems)
    assert report.num_frames == 3


def test_images_that_records_refer_to_are_looked_at_where_their_folder_is_named(referring_records, three_frames):
    report = inspect_records(referring_records, images_dir=three_frames.images_dir)
    assert (report.problems, report.notes, report.sizes) == ((), (), {(80, 50): 3})
    path = three_frames.image_path("000003")
    path.write_bytes(path.read_bytes()[:-1])
    (problem,) = inspect_records(referring_records, images_dir=three_frames.images_dir).problems
    assert "(frame 000003)" in problem
    assert "expected the image with CRC-32C" in problem


def test_images_that_records_refer_to_are_said_to_be_unseen_where_it_is_not(referring_records):
    report = inspect_records(referring_records)
    assert (report.problems, report.num_frames, report.num_objects, report.sizes) == ((), 3, 2, {})
    assert report.notes == ("the images, of data set dddddddddddddddd, were not looked at: name their folder",)
