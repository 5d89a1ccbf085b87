"""Promises of trees made from zips: whole or absent, mended, and never mixed."""

import signal
import subprocess
import sys
import time

import pytest

from kittidet.errors import ArchiveError, DatasetContractError
from kittidet.kitti.archive.unpack import digest_archives, has_archives, unpack_archives
from kittidet.kitti.tree import open_tree


def unpacked(zips, work):
    return open_tree(unpack_archives(zips, work))


def names(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_zips_become_a_tree_with_images_labels_and_drives(official_zips, official_members, tmp_path):
    tree = unpacked(official_zips, tmp_path / "work")
    assert tree.frame_ids == ("000000", "000001", "000002", "000003")
    assert tree.drive_of()["000000"] == "2011_09_26_drive_0001_sync"
    assert (
        tree.image_path("000002").read_bytes()
        == (official_members["data_object_image_2.zip"]["training/image_2/000002.png"])
    )
    assert names(official_zips) == set(official_members)
    assert not any("testing" in name or "cpp" in name for name in names(tree.root))


def test_the_devkit_may_be_absent(official_zips, tmp_path):
    (official_zips / "devkit_object.zip").unlink()
    assert unpacked(official_zips, tmp_path / "work").drive_of() == {}


@pytest.mark.parametrize("name", ["data_object_image_2.zip", "data_object_label_2.zip"])
def test_a_missing_archive_is_named(official_zips, tmp_path, name):
    (official_zips / name).unlink()
    with pytest.raises(ArchiveError, match=f"got no {name}"):
        unpacked(official_zips, tmp_path / "work")


def test_an_archive_of_something_else_is_named(official_zips, make_zip, tmp_path):
    make_zip({"readme.txt": b""}, "data_object_image_2.zip", official_zips)
    with pytest.raises(ArchiveError, match=r"data_object_image_2\.zip: expected members like training/image_2"):
        unpacked(official_zips, tmp_path / "work")


def test_a_folder_is_one_of_zips_or_a_tree_and_with_neither_says_what_was_expected(official_zips, tmp_path):
    assert has_archives(official_zips)
    assert not has_archives(unpack_archives(official_zips, tmp_path / "work"))
    with pytest.raises(DatasetContractError, match="no such folder"):
        has_archives(tmp_path / "absent")
    (tmp_path / "half" / "training" / "image_2").mkdir(parents=True)
    with pytest.raises(DatasetContractError, match="got training/ without files"):
        has_archives(tmp_path / "half")


def test_the_digest_is_of_what_the_zips_hold_not_where_they_are(official_zips, official_members, make_zip, tmp_path):
    digest = digest_archives(official_zips)
    moved = official_zips.rename(tmp_path / "moved")
    assert digest_archives(moved) == digest
    # Members that nobody asks for are no part of it.
    more = official_members["data_object_image_2.zip"] | {"testing/image_2/000009.png": b"other"}
    make_zip(more, "data_object_image_2.zip", moved)
    assert digest_archives(moved) == digest
    # One byte of one member, of equal size.
    label = official_members["data_object_label_2.zip"]["training/label_2/000001.txt"]
    changed = official_members["data_object_label_2.zip"] | {"training/label_2/000001.txt": label[:-2] + b"9\n"}
    make_zip(changed, "data_object_label_2.zip", moved)
    assert digest_archives(moved) != digest


def test_unpacking_again_finds_the_tree_and_mends_it(official_zips, tmp_path):
    root = unpack_archives(official_zips, tmp_path / "work")
    label = root / "training" / "label_2" / "000003.txt"
    good = label.read_bytes()
    label.write_bytes(good[:-2] + b"9\n")
    (root / "training" / "image_2" / "000000.png").unlink()
    assert unpack_archives(official_zips, tmp_path / "work") == root
    assert label.read_bytes() == good
    assert (root / "training" / "image_2" / "000000.png").is_file()


def test_other_zips_make_another_tree(official_zips, official_members, make_zip, tmp_path):
    first = unpack_archives(official_zips, tmp_path / "work")
    fewer = dict(list(official_members["data_object_label_2.zip"].items())[:2])
    make_zip(fewer, "data_object_label_2.zip", official_zips)
    second = unpack_archives(official_zips, tmp_path / "work")
    assert first != second
    assert len(list((second / "training" / "label_2").iterdir())) == 2


def test_a_damaged_member_leaves_no_tree_and_a_whole_archive_then_completes_it(official_zips, tmp_path):
    image_zip = official_zips / "data_object_image_2.zip"
    good = image_zip.read_bytes()
    at = good.index(b"training/image_2/000002.png") + 200
    image_zip.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
    with pytest.raises(ArchiveError, match=r"000002\.png"):
        unpack_archives(official_zips, tmp_path / "work")
    assert not [p for p in (tmp_path / "work").iterdir() if p.is_dir() and not p.name.endswith(".partial")]
    image_zip.write_bytes(good)
    root = unpack_archives(official_zips, tmp_path / "work")
    assert not [p for p in (tmp_path / "work").iterdir() if p.name.endswith(".partial")]
    assert len(open_tree(root).frame_ids) == 4


@pytest.mark.fault
def test_unpacking_killed_at_any_moment_ends_equal_to_an_undisturbed_one(make_zip, tmp_path):
    zips = tmp_path / "zips"
    content = {f"training/image_2/{k:06d}.png": bytes([k % 256]) * 200_000 for k in range(400)}
    make_zip(content, "data_object_image_2.zip", zips)
    make_zip({f"training/label_2/{k:06d}.txt": b"x" * k for k in range(400)}, "data_object_label_2.zip", zips)
    undisturbed = unpacked(zips, tmp_path / "calm").digest()
    code = (
        "import sys\nfrom pathlib import Path\nfrom kittidet.kitti.archive.unpack import unpack_archives\n"
        "unpack_archives(Path(sys.argv[1]), Path(sys.argv[2]))\n"
    )
    work = tmp_path / "work"
    kills = 0
    for count in (1, 100, 300, 500, 700):
        process = subprocess.Popen([sys.executable, "-c", code, str(zips), str(work)])
        while process.poll() is None and sum(1 for _ in work.rglob("0*")) < count:
            time.sleep(0.001)
        if process.poll() is None:
            kills += 1
            process.send_signal(signal.SIGKILL)
        process.wait()
        finished = [p for p in work.iterdir() if p.is_dir() and not p.name.endswith(".partial")]
        assert all(len(names(p)) == 800 for p in finished)
    assert kills >= 3
    assert unpacked(zips, work).digest() == undisturbed
