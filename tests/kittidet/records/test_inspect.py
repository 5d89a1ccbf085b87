import pytest
from fixtures.small_records import encode_example
from PIL import Image

from kittidet.errors import RecordError
from kittidet.records.inspect import draw_grid, inspect_records
from kittidet.records.message import decode_example
from kittidet.records.shard import ShardWriter, read_records

SHARD = "val-00000-of-00002.tfrecord"


def change(folder, shard=SHARD, record=0, **features):
    """Write one shard again with some features of one record changed; None takes a feature out."""
    payloads = list(read_records(folder / shard))
    found = decode_example(payloads[record], where="")
    found.update({name: value for name, value in features.items() if value is not None})
    for name in [name for name, value in features.items() if value is None]:
        del found[name]
    payloads[record] = encode_example(found)
    with ShardWriter(folder / shard) as writer:
        for payload in payloads:
            writer.write(payload)


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
        ({"image/object/class/label": ("int64", [2, 4])}, "label 2 is Van in the manifest, Car here"),
        ({"image/object/class/label": ("int64", [1])}, "expected 2 values"),
        ({"image/width": ("int64", [1242])}, "expected the image to be 1242x50, got 80x50"),
        ({"image/encoded": ("bytes", [b"no image"])}, "is no image"),
        ({"image/encoded": None}, "expected image/encoded, got none"),
        ({"image/source_id": ("bytes", [b"11"])}, "was used before"),
    ],
)
def test_what_breaks_a_reader_is_a_problem(three_records, features, problem):
    change(three_records, **features)
    report = inspect_records(three_records)
    assert any(problem in line and "val-0000" in line for line in report.problems), report.problems
    assert report.num_problems == len(report.problems)


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
    assert any("sha256 is not the manifest's" in line for line in inspect_records(three_records).problems)


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


def test_the_grid_shows_every_frame_and_replaces_nothing_half(three_records, tmp_path):
    out = tmp_path / "pictures" / "grid.png"
    draw_grid(three_records, out, columns=2, width=400)
    with Image.open(out) as image:
        image.load()
        assert image.width == 400
        assert len(image.getcolors(10**6)) > 100
    assert [p.name for p in out.parent.iterdir()] == ["grid.png"]


def test_boxes_are_in_the_grid(three_records, tmp_path):
    """The picture with boxes differs from the one without them."""
    draw_grid(three_records, tmp_path / "with.png")
    empty = {
        f"image/{kind}/bbox/{side}": ("float", [])
        for kind in ("object", "dont_care")
        for side in ("xmin", "ymin", "xmax", "ymax")
    }
    change(three_records, **empty, **{"image/object/class/label": ("int64", []), "image/object/class/text": None})
    draw_grid(three_records, tmp_path / "without.png")
    with Image.open(tmp_path / "with.png") as one, Image.open(tmp_path / "without.png") as other:
        assert one.tobytes() != other.tobytes()


def test_a_record_without_image_cannot_be_drawn(three_records, tmp_path):
    change(three_records, **{"image/encoded": ("bytes", [b"no image"])})
    with pytest.raises(RecordError, match="image/encoded cannot be decoded"):
        draw_grid(three_records, tmp_path / "grid.png")
    assert not (tmp_path / "grid.png").exists()


def test_a_picture_that_cannot_be_written_is_named(three_records, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RecordError, match=r"grid\.png: cannot write the picture"):
        draw_grid(three_records, tmp_path / "file" / "grid.png")
