"""A KITTI tree is found wherever people's copies keep it; what is none is refused with what is there."""

import shutil

import pytest

from kittidet.errors import DatasetContractError
from kittidet.kitti.layout import FOLDER_PAIRS, describe_files, find_layout, is_tree
from kittidet.kitti.lists import given_lists
from kittidet.kitti.tree import open_tree

# Where images and labels are in copies that people have, and where the devkit's mapping.
COPIES = {
    "torchvision": ("Kitti/raw/training/image_2", "Kitti/raw/training/label_2", None),
    "Kaggle, a folder a zip": (
        "data_object_image_2/training/image_2",
        "data_object_label_2/training/label_2",
        "devkit_object/mapping",
    ),
    "Kaggle, labels unpacked in place": ("data_object_image_2/training/image_2", "training/label_2", None),
    "Kaggle, flat": ("image_2", "label_2", "mapping"),
    "Kaggle, renamed": ("kitti/images", "kitti/labels", None),
    "a folder a kind": ("image_2/training/image_2", "label_2/training/label_2", None),
    "Hugging Face, unpacked": (
        "datasets/downloads/3fa/training/image_2",
        "datasets/downloads/b41/training/label_2",
        None,
    ),
    "TensorFlow Datasets, unpacked": (
        "downloads/extracted/ZIP.avg-kitti_data_object_image_2.zip/training/image_2",
        "downloads/extracted/ZIP.avg-kitti_data_object_label_2.zip/training/label_2",
        "downloads/extracted/ZIP.avg-kitti_devkit_object.zip/mapping",
    ),
}


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize("copy", COPIES)
def test_copies_that_people_have_are_the_same_tree(copy, small_tree, tmp_path):
    images, labels, mapping = COPIES[copy]
    root = tmp_path / "copy"
    shutil.copytree(small_tree / "training" / "image_2", root / images)
    shutil.copytree(small_tree / "training" / "label_2", root / labels)
    # Frames for the benchmark's server, other benchmarks and other sensors do not matter.
    touch(root / images / "../../testing/image_2/000000.png", root / "data_scene_flow/training/image_2/000000_10.png")
    touch(root / "data_object_velodyne" / "training" / "velodyne" / "000000.bin")
    if mapping is not None:
        shutil.copytree(small_tree / "mapping", root / mapping)
    tree, official = open_tree(root), open_tree(small_tree)
    assert tree.frame_ids == official.frame_ids
    assert tree.image_path("000001").read_bytes() == official.image_path("000001").read_bytes()
    assert tree.label_path("000001").read_text() == official.label_path("000001").read_text()
    assert tree.drive_of() == (official.drive_of() if mapping else {})
    if mapping and images.endswith("image_2"):
        assert tree.digest() == official.digest()


def test_lists_lie_beside_either_folder(tmp_path):
    touch(tmp_path / "a/training/image_2/1.png", tmp_path / "b/training/label_2/1.txt")
    for name in ("train", "val"):
        touch(tmp_path / "b" / "ImageSets" / f"{name}.txt")
    assert set(given_lists(open_tree(tmp_path))) == {"train", "val"}


def test_of_two_trees_one_has_to_be_named(tmp_path):
    for name in ("north", "south"):
        touch(tmp_path / name / "images" / "1.jpg", tmp_path / name / "labels" / "1.txt")
    with pytest.raises(DatasetContractError, match=r"got 2: north/images with north/labels, south/.* Name one of them"):
        find_layout(tmp_path)
    assert open_tree(tmp_path / "north").frame_ids == ("1",)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (
            "data/train-00000-of-00024.parquet",
            r"1 \.parquet in data/\. Parquet files hold a copy of KITTI in another form",
        ),
        ("0.0.0/kitti-train.arrow", "Arrow files hold a copy of KITTI"),
        ("3.3.0/kitti-train.tfrecord-00000-of-00016", r"1 \.tfrecord in 3\.3\.0/\. TFRecords hold a copy of KITTI"),
        ("archive.zip", "1 .zip in it. Unpack the zip, or name the folder with data_object_image_2.zip"),
        ("data.yaml", "source.kind=yolo"),
        ("annotations/instances_train.json", "source.kind=coco"),
        ("photos/a.jpg", r"1 \.jpg in photos/\. Name the folder above"),
    ],
)
def test_another_form_is_refused_by_its_name(tmp_path, file, words):
    touch(tmp_path / file)
    with pytest.raises(DatasetContractError, match=words):
        find_layout(tmp_path)


def test_a_file_is_refused_by_its_form_too(tmp_path):
    touch(tmp_path / "kitti.parquet")
    with pytest.raises(DatasetContractError, match=r"got a file \(kitti\.parquet\)\. Parquet files"):
        find_layout(tmp_path / "kitti.parquet")


@pytest.mark.parametrize(
    ("made", "got"),
    [
        ([], "an empty folder"),
        (["image_2"], "image_2/ without files"),
        (["label_2", "x"], "label_2/ without files, x/ without files"),
    ],
)
def test_another_folder_is_refused_with_what_is_in_it(tmp_path, made, got):
    for name in made:
        (tmp_path / name).mkdir()
    assert not is_tree(tmp_path)
    with pytest.raises(DatasetContractError, match=rf"not a KITTI tree: expected image_2/ with.*got {got}\. Name"):
        open_tree(tmp_path)


def test_what_a_refused_folder_holds_is_counted_by_kind_and_place(tmp_path):
    """case: jpg_images"""
    for name in ("photos/a.JPG", "photos/b.jpg", "marks/a.xml", "readme"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = "1 files without a suffix in it, 2 .jpg in photos/, 1 .xml in marks/"
    assert sorted(describe_files(tmp_path).split(", ")) == sorted(found.split(", "))


@pytest.mark.parametrize("inside", [".", "training"])
@pytest.mark.parametrize(("images", "labels"), FOLDER_PAIRS)
def test_folders_have_the_names_that_people_give_them(tmp_path, inside, images, labels):
    """cases: jpg_images, ids_not_six_digits"""
    for name in (f"{images}/a b.JPG", f"{images}/000030_10.png", f"{labels}/a b.txt", f"{labels}/000030_10.txt"):
        (tmp_path / inside / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / inside / name).touch()
    tree = open_tree(tmp_path)
    assert tree.frame_ids == ("000030_10", "a b")
    assert (tree.image_file("a b"), tree.label_file("a b")) == (f"{images}/a b.JPG", f"{labels}/a b.txt")
    assert tree.image_path("a b").is_file()
    assert tree.label_path("000030_10").is_file()


def test_no_folder_at_all_is_named(tmp_path):
    with pytest.raises(DatasetContractError, match=r"absent: no such folder"):
        open_tree(tmp_path / "absent")
