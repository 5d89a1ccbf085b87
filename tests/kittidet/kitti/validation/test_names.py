"""Promises of the name contract: half pairs, double numbers and strange names are found."""

import shutil

import pytest

from kittidet.kitti.tree import open_tree
from kittidet.kitti.validation.names import find_name_faults


def found(root):
    return {(f.check, f.frame_id, f.file, f.severity) for f in find_name_faults(open_tree(root))}


def test_an_empty_tree_has_no_name_faults(tmp_path):
    for name in ("image_2", "label_2"):
        (tmp_path / name).mkdir()
    assert found(tmp_path) == set()


def test_a_right_tree_has_none(small_tree):
    assert found(small_tree) == set()


def test_half_pairs_are_named_from_the_half_that_is_there(small_tree):
    (small_tree / "training/image_2/000000.png").unlink()
    (small_tree / "training/label_2/000003.txt").unlink()
    assert found(small_tree) == {
        ("image_present", "000000", "label_2/000000.txt", "error"),
        ("label_present", "000003", "image_2/000003.png", "error"),
    }


def copy_frame(root, name):
    shutil.copy(root / "training/image_2/000001.png", root / f"training/image_2/{name}.png")
    shutil.copy(root / "training/label_2/000001.txt", root / f"training/label_2/{name}.txt")


@pytest.mark.parametrize("name", ["1", "000030_10", "scene, noon", "-00001", "\uff10\uff18"])
def test_any_unique_stem_is_a_frame(small_tree, name):
    """case: ids_not_six_digits"""
    copy_frame(small_tree, name)
    assert found(small_tree) == set()


@pytest.mark.parametrize("name", [" a", "a ", "a\tb", "a\x85b"])
def test_a_name_that_no_list_can_hold_is_found(small_tree, name):
    copy_frame(small_tree, name)
    assert found(small_tree) == {("frame_name", name, f"image_2/{name}.png", "error")}


def test_two_images_of_one_frame_are_found(small_tree):
    shutil.copy(small_tree / "training/image_2/000001.png", small_tree / "training/image_2/000001.jpg")
    assert found(small_tree) == {("frame_unique", "000001", "image_2/000001.png", "error")}


def test_other_files_are_a_warning(small_tree):
    (small_tree / "training/image_2/000000.gif").touch()
    assert found(small_tree) == {("file_kind", "", "image_2/000000.gif", "warning")}
