import errno
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from kittidet.classes import KITTI3, KITTI8, ClassTable
from kittidet.errors import DatasetContractError, DiskSpaceError, LabelParseError, RecordError
from kittidet.files import digest_file
from kittidet.kitti.tree import open_tree
from kittidet.records.example import FRAME_ID
from kittidet.records.manifest import read_manifest
from kittidet.records.message import decode_example
from kittidet.records.shard import ShardWriter, partial_path, read_records
from kittidet.records.write import write_records

CAR = "Car 0.00 1 -1.50 10.00 12.50 30.25 40.00 1.50 1.60 3.90 1.00 1.50 20.00 -1.40"
TRAM = "Tram 0.00 0 0.10 2.00 3.00 9.00 14.00 3.50 2.60 15.00 3.00 1.50 50.00 0.30"


def write(tree, out_dir, frame_ids=None, **changes):
    options = {"split_name": "train", "table": KITTI8, "num_shards": 2, "workers": 1}
    return write_records(tree, frame_ids or tree.frame_ids, out_dir=out_dir, **{**options, **changes})


def frames_in(shard):
    return [decode_example(p, where="")[FRAME_ID][1][0].decode() for p in read_records(shard)]


@pytest.fixture
def five_frames(make_tree):
    return make_tree({f"{i:06d}": [CAR] for i in range(5)})


def test_no_frames_are_no_records(three_frames, tmp_path):
    with pytest.raises(RecordError, match="expected one or more frames, got 0"):
        write_records(
            three_frames, [], split_name="train", table=KITTI8, num_shards=2, out_dir=tmp_path / "out", workers=1
        )
    assert not (tmp_path / "out").exists()


def test_frames_are_dealt_to_the_shards_in_turn(five_frames, tmp_path):
    manifest = write(five_frames, tmp_path / "out")
    names = ["train-00000-of-00002.tfrecord", "train-00001-of-00002.tfrecord"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["manifest.json", *names]
    assert [frames_in(tmp_path / "out" / name) for name in names] == [
        ["000000", "000002", "000004"],
        ["000001", "000003"],
    ]
    assert [(s.name, s.frames) for s in manifest.shards] == list(zip(names, (3, 2), strict=True))
    for shard in manifest.shards:
        assert shard.sha256 == digest_file(tmp_path / "out" / shard.name)
    assert read_manifest(tmp_path / "out") == manifest


def test_there_are_never_more_shards_than_frames(three_frames, tmp_path):
    assert len(write(three_frames, tmp_path / "out", num_shards=32).shards) == 3


def test_png_bytes_are_copied_as_they_are(three_frames, tmp_path):
    manifest = write(three_frames, tmp_path / "out")
    for shard in manifest.shards:
        for payload in read_records(tmp_path / "out" / shard.name):
            features = decode_example(payload, where="")
            image_path = three_frames.image_path(features[FRAME_ID][1][0].decode())
            assert features["image/encoded"][1][0] == image_path.read_bytes()


def test_a_frame_without_known_objects_is_kept(make_tree, tmp_path):
    tree = make_tree({"000000": [TRAM], "000001": []})
    manifest = write(tree, tmp_path / "out", table=KITTI3)
    assert (manifest.num_frames, manifest.num_objects, manifest.max_objects) == (2, 0, 0)
    assert manifest.counts == {"Vehicle": 0, "Pedestrian": 0, "Cyclist": 0}


def test_the_number_of_processes_and_the_place_change_no_byte(five_frames, make_tree, tmp_path):
    elsewhere = make_tree({f"{i:06d}": [CAR] for i in range(5)}, name="copy")
    alone = write(five_frames, tmp_path / "alone", workers=1)
    together = write(elsewhere, tmp_path / "together", workers=2)
    assert together == alone


def test_another_order_table_or_image_is_another_digest(five_frames, make_tree, tmp_path):
    first = write(five_frames, tmp_path / "a").digest
    assert write(five_frames, tmp_path / "b", five_frames.frame_ids[::-1]).digest != first
    assert write(five_frames, tmp_path / "c", table=KITTI3).digest != first
    assert write(make_tree({f"{i:06d}": [CAR] for i in range(5)}, (81, 50), "other"), tmp_path / "d").digest != first


def test_progress_reaches_the_number_of_frames(five_frames, tmp_path):
    seen = []
    write(five_frames, tmp_path / "out", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(3, 5), (5, 5)]


@pytest.mark.parametrize("options", [{"num_shards": 0}, {"workers": 0}])
def test_no_shards_or_workers_is_wrong_use(three_frames, tmp_path, options):
    with pytest.raises(ValueError, match="one or more shards and workers"):
        write(three_frames, tmp_path / "out", **options)


def test_a_repeated_id_is_refused(three_frames, tmp_path):
    with pytest.raises(RecordError, match=r"expected every frame once.*\['000003'\]"):
        write(three_frames, tmp_path / "out", ("000003", "000003"))


def test_a_finished_folder_is_not_written_over(three_frames, tmp_path):
    write(three_frames, tmp_path / "out")
    with pytest.raises(RecordError, match=r"expected an empty folder, got manifest\.json"):
        write(three_frames, tmp_path / "out")


def test_shards_of_another_run_are_not_mixed_in(three_frames, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "val-00000-of-00001.tfrecord").touch()
    with pytest.raises(RecordError, match=r"expected an empty folder, got val-00000-of-00001\.tfrecord"):
        write(three_frames, tmp_path / "out")


def test_what_a_killed_run_left_is_completed(three_frames, tmp_path):
    expected = write(three_frames, tmp_path / "undisturbed")
    out = tmp_path / "out"
    out.mkdir()
    first = out / expected.shards[0].name
    first.write_bytes(b"half of ano")
    partial_path(first).write_bytes(b"half")
    assert write(three_frames, out) == expected
    assert sorted(p.name for p in out.iterdir()) == ["manifest.json", *(s.name for s in expected.shards)]


def test_a_box_outside_the_image_names_the_frame_and_leaves_no_manifest(make_tree, tmp_path):
    tree = make_tree({"000000": [CAR], "000001": [CAR.replace("30.25", "95.00")]})
    with pytest.raises(RecordError, match=r"frame 000001: Car .* inside the image of 80x50"):
        write(tree, tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["train-00000-of-00002.tfrecord"]


def test_the_leeway_at_the_edge_can_be_chosen(make_tree, tmp_path):
    tree = make_tree({"000000": [CAR.replace("30.25", "82.00")]})
    with pytest.raises(RecordError, match=r"1\.0 px of tolerance"):
        write(tree, tmp_path / "a")
    assert write(tree, tmp_path / "b", edge_tolerance_px=2.0).num_objects == 1


def test_jpegs_and_odd_names_are_written_as_they_are(make_tree, tmp_path):
    """cases: jpg_images, ids_not_six_digits"""
    tree = make_tree({"000030_10": [CAR], "a street": [CAR]})
    for frame_id in tree.frame_ids:
        with Image.open(tree.image_path(frame_id)) as image:
            image.save(tree.image_path(frame_id).with_suffix(".jpg"))
        tree.image_path(frame_id).unlink()
    tree = open_tree(tree.root)
    manifest = write(tree, tmp_path / "out", num_shards=1)
    found = [decode_example(p, where="") for p in read_records(tmp_path / "out" / manifest.shards[0].name)]
    assert [f[FRAME_ID][1][0] for f in found] == [b"000030_10", b"a street"]
    assert [f["image/source_id"][1][0] for f in found] == [b"1", b"2"]
    assert [f["image/format"][1][0] for f in found] == [b"jpeg", b"jpeg"]
    assert found[1]["image/encoded"][1][0] == tree.image_path("a street").read_bytes()
    assert found[1]["image/filename"][1][0] == b"a street.jpg"


def test_own_classes_are_written_and_ignored_types_are_regions(make_tree, tmp_path):
    """case: own_class"""
    lines = [CAR.replace("Car", kind) for kind in ("helmet", "cap", "glare", "Tram")]
    table = ClassTable(("helmet", "vest"), {"cap": "helmet"}, ("glare",))
    manifest = write(make_tree({"000000": lines}), tmp_path / "out", table=table)
    assert (manifest.counts, manifest.num_dont_care) == ({"helmet": 2, "vest": 0}, 1)
    assert read_manifest(tmp_path / "out").table == table


def test_neutral_types_are_counted_as_regions_of_a_class(make_tree, tmp_path):
    region = "DontCare -1 -1 -10 70.00 1.00 79.00 9.00 -1 -1 -1 -1000 -1000 -1000 -10"
    tree = make_tree({"000003": [CAR, TRAM, region], "000004": [CAR], "000005": []})
    made = write(tree, tmp_path / "neutral", neutral={"Car": "Van"})
    plain = write(tree, tmp_path / "plain")
    assert (made.num_dont_care, made.max_dont_care, made.class_regions) == (3, 2, True)
    assert (plain.num_dont_care, plain.max_dont_care, plain.class_regions) == (1, 1, False)
    assert made.counts == plain.counts
    assert read_manifest(tmp_path / "neutral") == made


def test_a_png_cut_short_is_refused(five_frames, tmp_path):
    path = five_frames.image_path("000001")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DatasetContractError, match=r"000001\.png.*truncated"):
        write(five_frames, tmp_path / "out")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_wrong_label_line_is_named_from_every_process(five_frames, tmp_path, workers):
    five_frames.label_path("000003").write_text(CAR + "\nCar 0.0\n")
    with pytest.raises(LabelParseError, match=r"000003\.txt:2"):
        write(five_frames, tmp_path / "out", workers=workers)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_missing_image_is_named(five_frames, tmp_path):
    five_frames.image_path("000002").unlink()
    with pytest.raises(RecordError, match=r"000002\.png: .*No such file"):
        write(five_frames, tmp_path / "out")


def test_a_folder_that_cannot_be_made_is_named(three_frames, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RecordError, match="file/out: cannot prepare the records: Not a directory"):
        write(three_frames, tmp_path / "file" / "out")


def test_too_little_space_is_found_before_writing(three_frames, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(DiskSpaceError, match=r"expected room for .* got 0\.00 GB"):
        write(three_frames, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_disk_that_fills_up_meanwhile_leaves_no_half_shard(three_frames, tmp_path, monkeypatch):
    def full(self, *parts):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ShardWriter, "write", full)
    with pytest.raises(RecordError, match=r"train-00000-of-00002\.tfrecord: cannot write.*No space left"):
        write(three_frames, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="the system has no file that fails when it is read")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("kind", "error"), [("image_path", RecordError), ("label_path", LabelParseError)])
def test_a_disk_that_fails_is_told_by_its_number_from_every_process(five_frames, tmp_path, kind, error, workers):
    """Whether another try may help is judged by it."""
    path = getattr(five_frames, kind)("000003")
    path.unlink()
    path.symlink_to("/proc/self/mem")
    with pytest.raises(error, match="Input/output error") as caught:
        write(five_frames, tmp_path / "out", workers=workers)
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.EIO


def test_real_frames_are_written_and_counted(tmp_path):
    root = Path(__file__).parents[4] / "shared" / "kitti" / "mini"
    if not root.is_dir():
        pytest.skip("the 11 real frames are not beside the project: ../shared/kitti/mini")
    from kittidet.kitti.tree import open_tree

    manifest = write(open_tree(root), tmp_path / "out", num_shards=4)
    assert (manifest.num_frames, manifest.num_objects, manifest.num_dont_care) == (11, 36, 29)
    assert manifest.counts["Car"] == 29


def test_records_that_refer_to_images_are_small_and_say_whose_those_are(five_frames, tmp_path):
    held, referring = (write(five_frames, tmp_path / name, images_of=of) for name, of in (("a", None), ("b", "d" * 64)))
    assert (held.images_of, referring.images_of) == (None, "d" * 64)
    assert read_manifest(tmp_path / "b") == referring
    images = sum(five_frames.image_path(i).stat().st_size for i in five_frames.frame_ids)
    less = sum(shard.bytes for shard in held.shards) - sum(shard.bytes for shard in referring.shards)
    # Their digests take some of the room.
    assert images - 200 * 5 < less < images
    assert write(five_frames, tmp_path / "c", images_of="d" * 64, workers=2) == referring


def test_records_that_refer_to_another_image_have_another_digest(five_frames, tmp_path):
    first = write(five_frames, tmp_path / "a", images_of="d" * 64).digest
    Image.new("RGB", (80, 50), (1, 2, 3)).save(five_frames.image_path("000001"))
    assert write(five_frames, tmp_path / "b", images_of="d" * 64).digest != first


def test_a_damaged_image_is_not_referred_to(five_frames, tmp_path):
    path = five_frames.image_path("000001")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DatasetContractError, match=r"000001\.png.*truncated"):
        write(five_frames, tmp_path / "out", images_of="d" * 64)
