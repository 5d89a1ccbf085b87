"""YOLO data sets are found where their trainers find them, and rows become boxes in pixels."""

from collections import Counter

import pytest
from fixtures.encoded_images import encode, street

from kittidet.convert.yolo_reading import read_yolo, rows_of
from kittidet.errors import DatasetContractError


def lay_out(tmp_path, yaml: str, *images: str):
    for name in images:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(encode(street(), "JPEG"))
    (tmp_path / "data.yaml").write_text(yaml)
    return read_yolo(tmp_path)


@pytest.mark.parametrize("path", ["", "path: .\n", "path: {}\n", "path: somewhere/else\n"])
@pytest.mark.parametrize("names", ["[hard hat, vest]", "{0: hard hat, 1: vest}"])
def test_folders_are_found_with_and_without_a_path(tmp_path, monkeypatch, path, names):
    """case: yolo_yaml_path_dot"""
    monkeypatch.chdir("/")
    yaml = f"{path.format(tmp_path)}train: images/train\nval: images/val\nnames: {names}\n"
    data = lay_out(tmp_path, yaml, "images/train/a.jpg", "images/train/deep/b.JPG", "images/val/a.jpg")
    assert data.names == {0: "hard_hat", 1: "vest"}
    assert [name for name, _, _ in data.images["train"]] == ["a.jpg", "deep/b.JPG"]
    assert data.images["val"] == [("a.jpg", tmp_path / "images/val/a.jpg", tmp_path / "labels/val/a.txt")]


def test_roboflows_folders_and_lists_of_files_are_found(tmp_path):
    (tmp_path / "val.txt").write_text("valid/images/b.jpg\n\n")
    yaml = "train: ../train/images\nval: [val.txt]\nnames: [a]\n"
    data = lay_out(tmp_path, yaml, "train/images/a.jpg", "valid/images/b.jpg")
    assert data.images["train"] == [("a.jpg", tmp_path / "train/images/a.jpg", tmp_path / "train/labels/a.txt")]
    assert data.images["val"] == [("b.jpg", tmp_path / "valid/images/b.jpg", tmp_path / "valid/labels/b.txt")]


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("", "not a YOLO data.yaml"),
        ("names: 3\ntrain: x", "not a YOLO data.yaml"),
        ("names: {.inf: a}\ntrain: x", "not a YOLO data.yaml"),
        ("names: [a]", "expected train or val"),
        ("names: [a]\ntrain: absent", "absent: no such folder"),
    ],
)
def test_what_is_no_data_set_is_refused_by_name(tmp_path, yaml, said):
    with pytest.raises(DatasetContractError, match=rf"data\.yaml: .*{said}|{said}"):
        lay_out(tmp_path, yaml)


def test_rows_become_boxes_in_pixels_that_every_level_counts(tmp_path):
    """case: coco_to_kitti_occluded_3"""
    (tmp_path / "a.txt").write_text("1 0.5 0.5 0.5 0.25\n\n0 0.1 0.2 0.3 0.2 0.3 0.4\n0 0.5 0.5 0 0.1\n")
    lost = Counter()
    lines = rows_of(tmp_path / "a.txt", (200, 100), {0: "a", 1: "b"}, lost).splitlines()
    assert lines == [
        "b 0.00 0 -10 50.00 37.50 150.00 62.50 -1 -1 -1 -1000 -1000 -1000 -10",
        "a 0.00 0 -10 20.00 20.00 60.00 40.00 -1 -1 -1 -1000 -1000 -1000 -10",
    ]
    assert sorted(lost.values()) == [1, 1]
    assert rows_of(tmp_path / "absent.txt", (200, 100), {}, lost) == ""


@pytest.mark.parametrize(
    "row", ["2 0.5 0.5 0.5 0.5", "0 0.5 0.5", "a 0 0 0 0", "0 0 0 0 0 0", "1e999 0 0 1 1", "0 0 0 inf 1"]
)
def test_a_wrong_row_is_named(tmp_path, row):
    (tmp_path / "a.txt").write_text(f"0 0.5 0.5 0.5 0.5\n{row}\n")
    with pytest.raises(DatasetContractError, match=r"a\.txt:2: expected a class of 2"):
        rows_of(tmp_path / "a.txt", (200, 100), {0: "a", 1: "b"}, Counter())
