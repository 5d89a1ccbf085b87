"""YOLO data sets are found where their trainers find them, and rows become boxes in pixels."""

from collections import Counter

import pytest
from fixtures.encoded_images import encode, street

from kittidet.convert.yolo_reading import read_yolo, rows_of
from kittidet.errors import ConfigError, DatasetContractError
from kittidet.limits import ROOTS


def lay_out(tmp_path, yaml: str, *images: str):
    for name in images:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(encode(street(), "JPEG"))
        labels = (tmp_path / name.replace("images", "labels")).with_suffix(".txt")
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text("0 0.5 0.5 0.5 0.5\n")
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


def test_images_of_one_name_in_several_folders_are_told_apart_by_their_folders(tmp_path):
    yaml = "train: [one/images, two/images]\nval: val.txt\nnames: [a]\n"
    (tmp_path / "val.txt").write_text("three/images/1.jpg\nthree/images/deep/1.jpg\n")
    names = [f"{folder}/1.jpg" for folder in ("one/images", "two/images", "three/images", "three/images/deep")]
    data = lay_out(tmp_path, yaml, *names)
    assert [name for name, _, _ in data.images["train"]] == ["one/images/1.jpg", "two/images/1.jpg"]
    assert [name for name, _, _ in data.images["val"]] == ["1.jpg", "deep/1.jpg"]
    assert data.images["train"][1][2] == tmp_path / "two/labels/1.txt"


@pytest.mark.parametrize("line", ["images/1.jpg", "./images/1.jpg", "{}/images/1.jpg"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_list_of_files_is_read_however_it_is_written(tmp_path, line, end, mark):
    """Relative to the list, or to the data set; some editors begin it with a byte order mark."""
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "t.txt").write_text(f"{mark}{line.format(tmp_path)}{end}", newline="")
    data = lay_out(tmp_path, f"{mark}train: lists/t.txt\nnames: [a]\n", "images/1.jpg")
    assert data.images["train"] == [("1.jpg", tmp_path / "images/1.jpg", tmp_path / "labels/1.txt")]


def test_an_image_that_a_list_names_in_vain_is_found_by_its_line(tmp_path):
    (tmp_path / "t.txt").write_text(f"images/1.jpg\nimages/{'x' * 300}.jpg\n")
    with pytest.raises(DatasetContractError, match=r"t\.txt:2: images/x+\.jpg: no such folder or file"):
        lay_out(tmp_path, "train: t.txt\nnames: [a]\n", "images/1.jpg")


def test_images_without_any_label_file_are_refused(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(encode(street(), "JPEG"))
    with pytest.raises(DatasetContractError, match=r"got none for 1 images, looked for .*photos/a\.txt"):
        lay_out(tmp_path, "train: photos\nnames: [a]\n")


def test_label_files_may_have_capital_suffixes(tmp_path):
    lay_out(tmp_path, "train: images\nnames: [a]\n", "images/1.JPG")
    (tmp_path / "labels/1.txt").rename(tmp_path / "labels/1.TXT")
    assert read_yolo(tmp_path).images["train"][0][2] == tmp_path / "labels/1.TXT"


@pytest.mark.parametrize(
    "yaml",
    [
        "train: {0}/images\n",
        "path: {0}\ntrain: images\n",
        "train: ../other/images\n",
        "train: t.txt\n",
        "train: link\n",
        "train: inside/images\n",
    ],
)
def test_what_a_data_yaml_names_is_in_an_allowed_folder(tmp_path, monkeypatch, yaml):
    """However it is named: outright, by `path`, in a list, behind a link, or as the labels beside allowed images."""
    other, allowed = tmp_path / "other", tmp_path / "allowed"
    lay_out(other, "names: [a]\ntrain: images\n", "images/1.jpg")
    lay_out(allowed, "names: [a]\ntrain: good/images\n", "good/images/1.jpg", "inside/images/1.jpg")
    (allowed / "t.txt").write_text(f"{other}/images/1.jpg\n")
    (allowed / "link").symlink_to(other / "images")
    (allowed / "inside" / "labels" / "1.txt").unlink()
    (allowed / "inside" / "labels" / "1.txt").symlink_to(other / "labels" / "1.txt")
    monkeypatch.setenv(ROOTS, str(allowed))
    assert read_yolo(allowed).images
    (allowed / "data.yaml").write_text(f"names: [a]\n{yaml.format(other)}")
    with pytest.raises(ConfigError, match="outside of the folders that are allowed"):
        read_yolo(allowed)


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


@pytest.mark.parametrize("text", ["\ufeff0 0.5 0.5 0.5 0.5", "0 0.5 0.5 0.5 0.5  \r\n\r\n", "0.0\t.5 .5 5e-1 .5\n"])
def test_rows_are_read_however_they_are_written(tmp_path, text):
    (tmp_path / "a.txt").write_text(text, newline="")
    assert rows_of(tmp_path / "a.txt", (200, 100), {0: "a"}, Counter()).startswith(
        "a 0.00 0 -10 50.00 25.00 150.00 75.00 "
    )


def test_keypoints_are_left_out_and_counted(tmp_path):
    """Their numbers after the box would otherwise read as a polygon, of another box."""
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.5 0.5 0.1 0.1 0.9 0.9\n")
    lost = Counter()
    text = rows_of(tmp_path / "a.txt", (200, 100), {0: "a"}, lost, has_keypoints=True)
    assert text.startswith("a 0.00 0 -10 50.00 25.00 150.00 75.00 ")
    assert lost == {"keypoints": 1}
    yaml = "kpt_shape: [2, 2]\ntrain: images\nnames: [a]\n"
    assert lay_out(tmp_path, yaml, "images/1.jpg").has_keypoints
    assert not lay_out(tmp_path, "train: images\nnames: [a]\n").has_keypoints


@pytest.mark.parametrize(
    "row",
    [
        "0.5 0.5 0.5 0.5 0.5",
        "0 100 50 20 10",
        "-1 0.5 0.5 0.1 0.1",
        "2 0.5 0.5 0.5 0.5",
        "0 0.5 0.5",
        "a 0 0 0 0",
        "0 0 0 0 0 0",
        "1e999 0 0 1 1",
        "0 0 0 inf 1",
    ],
)
def test_a_wrong_row_is_named(tmp_path, row):
    (tmp_path / "a.txt").write_text(f"0 0.5 0.5 0.5 0.5\n{row}\n")
    with pytest.raises(DatasetContractError, match=r"a\.txt:2: expected a class of 2"):
        rows_of(tmp_path / "a.txt", (200, 100), {0: "a", 1: "b"}, Counter())
