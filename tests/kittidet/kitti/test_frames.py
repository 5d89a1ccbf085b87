"""Frames of a tree: the image's place and size, and the rows of the label file."""

import pytest

from kittidet.classes import KITTI8, ClassTable
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


def test_a_region_of_a_class_goes_where_the_class_goes(small_tree, row):
    label = small_tree / "training" / "label_2" / "000002.txt"
    kinds = ("DontCare:helmet", "DontCare:glare", "DontCare:cap", "DontCare:Van", "DontCare")
    label.write_text("".join(row.replace("Car", kind) + "\n" for kind in kinds))
    frame = load_frame(open_tree(small_tree), "000002", ClassTable(("helmet",), {"cap": "helmet"}, ("glare",)))
    assert [(o.type, o.region_of) for o in frame.objects] == [
        ("DontCare", "helmet"),
        ("DontCare", None),
        ("DontCare", "cap"),
        ("DontCare", None),
    ]


def test_types_that_are_not_listed_go_where_the_setting_says(small_tree, row):
    label = small_tree / "training" / "label_2" / "000002.txt"
    kinds = ("helmet", "poster", "Van", "DontCare:poster")
    label.write_text("".join(row.replace("Car", kind) + "\n" for kind in kinds))
    tree = open_tree(small_tree)
    with pytest.raises(LabelParseError, match=r"unknown class 'poster'.*`records\.unlisted`"):
        load_frame(tree, "000002", ClassTable(("helmet",)))
    left, ignored = (
        load_frame(tree, "000002", ClassTable(("helmet",), unlisted=unlisted)) for unlisted in ("leave_out", "ignore")
    )
    assert [(o.type, o.region_of) for o in left.objects] == [("helmet", None), ("poster", None), ("Van", None)]
    assert [(o.type, o.region_of) for o in ignored.objects] == [("helmet", None), *[("DontCare", None)] * 3]


def test_ignored_types_become_dont_care_and_unknown_ones_name_the_setting(small_tree, row):
    """case: own_class"""
    label = small_tree / "training" / "label_2" / "000002.txt"
    label.write_text("".join(row.replace("Car", kind) + "\n" for kind in ("helmet", "glare", "cap")))
    tree = open_tree(small_tree)
    table = ClassTable(("helmet",), {"cap": "helmet"}, ("glare",))
    assert [o.type for o in load_frame(tree, "000002", table).objects] == ["helmet", "DontCare", "cap"]
    assert [o.type for o in load_frame(tree, "000002").objects] == ["helmet", "glare", "cap"]
    with pytest.raises(LabelParseError, match=r"000002\.txt: unknown class 'helmet'.*`records\.classes`"):
        load_frame(tree, "000002", KITTI8)
