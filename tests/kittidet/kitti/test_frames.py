"""Frames of a tree: the image's place and size, and the rows of the label file."""

import pytest

from kittidet.errors import LabelParseError
from kittidet.kitti.frames import load_frame
from kittidet.kitti.tree import open_tree


def test_a_frame_has_its_rows_and_its_size(small_tree):
    frame = load_frame(open_tree(small_tree), "000002")
    assert frame.size_wh == (120, 40)
    assert frame.image_path.read_bytes().startswith(b"\x89PNG")
    assert [o.type for o in frame.objects] == ["Car"]


def test_a_frame_with_a_wrong_label_says_where(small_tree):
    (small_tree / "training" / "label_2" / "000002.txt").write_text("Car 1\n")
    with pytest.raises(LabelParseError, match=r"label_2/000002\.txt:1"):
        load_frame(open_tree(small_tree), "000002")
