"""Promises of trees: found in both shapes, named by content, never written to."""

import csv
import shutil
import stat

import pytest

from kittidet.kitti.tree import open_tree


@pytest.mark.parametrize("inside", [".", "training"])
def test_a_root_and_its_training_folder_are_the_same_tree(small_tree, inside):
    tree = open_tree(small_tree / inside)
    assert tree.frame_ids == ("000000", "000001", "000002", "000003")
    assert tree.image_path("000001").read_bytes()[:4] == b"\x89PNG"
    assert tree.label_path("000001").read_text().startswith("Car")
    assert tree.digest() == open_tree(small_tree).digest()
    assert tree.drive_of() == {
        "000000": "2011_09_26_drive_0001_sync",
        "000001": "2011_09_26_drive_0001_sync",
        "000002": "2011_09_26_drive_0000_sync",
        "000003": "2011_09_26_drive_0000_sync",
    }


def test_an_empty_tree_has_no_frames(tmp_path):
    for name in ("image_2", "label_2"):
        (tmp_path / name).mkdir()
    tree = open_tree(tmp_path)
    assert (tree.frame_ids, tree.without_image, tree.without_label, tree.strays) == ((), (), (), ())
    assert (tree.inventory(), tree.drive_of()) == ({}, {})


def test_half_pairs_and_strays_are_listed(small_tree):
    training = small_tree / "training"
    (training / "image_2" / "000000.png").unlink()
    (training / "label_2" / "000001.txt").unlink()
    (training / "image_2" / "notes.md").touch()
    (training / "label_2" / ".DS_Store").touch()
    tree = open_tree(small_tree)
    assert tree.frame_ids == ("000002", "000003")
    assert (tree.without_image, tree.without_label, tree.strays) == (("000000",), ("000001",), ("image_2/notes.md",))


def test_suffixes_may_be_in_capitals(small_tree):
    for folder, name in (("image_2", "000001.png"), ("label_2", "000001.txt")):
        file = small_tree / "training" / folder / name
        file.rename(file.with_suffix(file.suffix.upper()))
    (small_tree / "training" / "label_2" / "000002.TXT").touch()
    tree = open_tree(small_tree)
    assert len(tree.frame_ids) == 4
    assert tree.image_path("000001").name == "000001.PNG"
    assert tree.label_path("000001").name == "000001.TXT"
    assert tree.label_path("000002").name == "000002.txt"
    assert tree.strays == ("label_2/000002.TXT",)


def test_the_digest_is_of_content_not_of_place(small_tree, tmp_path):
    shutil.copytree(small_tree, tmp_path / "elsewhere" / "copy")
    digest = open_tree(small_tree).digest()
    assert open_tree(tmp_path / "elsewhere" / "copy").digest() == digest
    label = small_tree / "training" / "label_2" / "000003.txt"
    label.write_text(label.read_text().replace("Car", "Van"))
    assert open_tree(small_tree).digest() != digest


@pytest.mark.parametrize("change", ["label", "image", "mapping", "name", "unpaired"])
def test_every_kind_of_change_changes_the_digest(small_tree, change):
    before = open_tree(small_tree).digest()
    training = small_tree / "training"
    if change == "label":
        (training / "label_2" / "000000.txt").write_text("")
    elif change == "image":
        with (training / "image_2" / "000000.png").open("r+b") as stream:
            stream.seek(50)
            stream.write(b"\0\1")
    elif change == "mapping":
        (small_tree / "mapping" / "train_rand.txt").write_text("1,2,3,4\n")
    elif change == "name":
        (training / "label_2" / "000000.txt").rename(training / "label_2" / "000009.txt")
    else:
        (training / "label_2" / "000009.txt").touch()
    assert open_tree(small_tree).digest() != before


def test_what_is_no_data_does_not_change_the_digest(small_tree):
    before = open_tree(small_tree).digest()
    (small_tree / "training" / "calib").mkdir()
    (small_tree / "training" / "image_2" / ".DS_Store").touch()
    (small_tree / "readme.txt").touch()
    assert open_tree(small_tree).digest() == before


def test_real_files_have_their_published_digests(real_mini, real_csv):
    with real_csv("sha256_training.csv").open() as stream:
        listed = {row["path"].removeprefix("training/"): row["sha256"] for row in csv.DictReader(stream)}
    found = open_tree(real_mini).inventory()
    assert len(found) == 22
    assert found.items() <= listed.items()


def test_a_read_only_tree_is_read_and_not_written_to(small_tree, tmp_path):
    before = sorted(p.relative_to(small_tree) for p in small_tree.rglob("*"))
    folders = [small_tree, *(p for p in small_tree.rglob("*") if p.is_dir())]
    for folder in folders:
        folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        tree = open_tree(small_tree, stat_cache=tmp_path / "cache.json")
        tree.digest()
        tree.drive_of()
    finally:
        for folder in folders:
            folder.chmod(stat.S_IRWXU)
    assert sorted(p.relative_to(small_tree) for p in small_tree.rglob("*")) == before


def test_the_mapping_may_be_elsewhere(small_tree, tmp_path):
    (small_tree / "mapping").rename(tmp_path / "m")
    assert open_tree(small_tree).drive_of() == {}
    assert len(open_tree(small_tree, mapping_dir=tmp_path / "m").drive_of()) == 4
    (small_tree / "devkit_object").mkdir()
    (tmp_path / "m").rename(small_tree / "devkit_object" / "mapping")
    assert len(open_tree(small_tree).drive_of()) == 4
