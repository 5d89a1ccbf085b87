"""Promises of lists of frames: one id a line, whatever the id is."""

import pytest

from kittidet.errors import DatasetContractError
from kittidet.kitti.lists import SPLIT_DIR, frame_id_of, given_lists, read_ids, write_ids
from kittidet.kitti.tree import open_tree


@pytest.mark.parametrize("ids", [(), ("000000", "000030_10"), ("a street, noon", "b.rf.9", "\u9053\u8def")])
def test_ids_come_back_as_they_were(tmp_path, ids):
    write_ids(tmp_path / "a.txt", ids)
    assert read_ids(tmp_path / "a.txt") == ids


def test_blank_lines_windows_line_ends_and_a_byte_order_mark_are_passed_over(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf000001\r\n\n000002")
    assert read_ids(tmp_path / "a.txt") == ("000001", "000002")


def test_a_list_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe0")
    for name in ("a.txt", "b.txt"):
        with pytest.raises(DatasetContractError, match=f"{name}: cannot read the list"):
            read_ids(tmp_path / name)


@pytest.mark.parametrize("entry", ["x.1", "x.1.png", "./images/x.1.JPG", "C:\\data\\x.1.txt"])
def test_an_entry_may_be_an_id_or_a_path_to_its_files(entry):
    assert frame_id_of(entry) == "x.1"


@pytest.mark.parametrize("place", ["kitti", "kitti/training"])
def test_a_data_set_may_bring_its_own_lists(small_tree, place):
    assert given_lists(open_tree(small_tree)) == {}
    folder = small_tree.parent / place / SPLIT_DIR
    folder.mkdir()
    (folder / "train.txt").write_text("000000\n")
    assert given_lists(open_tree(small_tree)) == {}
    (folder / "val.txt").write_text("000003\n")
    assert given_lists(open_tree(small_tree)) == {"train": ("000000",), "val": ("000003",)}
