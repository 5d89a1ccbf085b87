"""Other formats become a KITTI tree that means the same, or a message."""

import json

import pytest
from fixtures.encoded_images import encode, exif, street
from PIL import Image

from kittidet.convert.to_tree import LabelledImage, LabelledImages, coco_images, coco_to_tree, write_tree, yolo_images
from kittidet.errors import DatasetContractError
from kittidet.kitti.lists import given_lists
from kittidet.kitti.tree import open_tree


def document(tmp_path, *names: str, size=(64, 32), **more):
    values = {
        "images": [{"id": i, "file_name": n, "width": size[0], "height": size[1]} for i, n in enumerate(names)],
        "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "hard hat"}],
        "annotations": [{"id": 0, "image_id": 0, "category_id": 1, "bbox": [1, 1, 10, 10], **more}],
    }
    (tmp_path / "d.json").write_text(json.dumps(values))
    return tmp_path / "d.json"


def test_a_jpeg_set_becomes_a_tree_of_the_same_names_and_files(tmp_path):
    """case: jpg_images"""
    for name in ("b_street.jpg", "a street.jpg"):
        Image.new("RGB", (64, 32), "red").save(tmp_path / name)
    made = coco_to_tree(
        document(tmp_path, "b_street.jpg", "a street.jpg"),
        tmp_path,
        tmp_path / "out",
        class_map={"car": "Car"},
        images="link",
    )
    tree = open_tree(made.path)
    assert tree.frame_ids == ("a street", "b_street")
    assert tree.label_path("b_street").read_text().startswith("Car 0.00 0 ")
    assert tree.image_path("b_street").resolve() == tmp_path / "b_street.jpg"
    assert given_lists(tree) == {}


def test_every_category_can_keep_its_name_and_an_id_of_0_counts(tmp_path):
    """case: own_class"""
    found = coco_images({"": (document(tmp_path, "a.jpg", category_id=2), None)}, class_map=None)
    assert found.images[0].text.startswith("hard_hat 0.00 0 -10 1.00 1.00 11.00 11.00")
    assert found.lost == {}


def test_a_document_of_other_sizes_than_its_images_is_refused_with_both(tmp_path):
    """case: coco_size_mismatch"""
    Image.new("RGB", (32, 16)).save(tmp_path / "small.png")
    for images in ("link", "copy"):
        with pytest.raises(DatasetContractError, match=r"small\.png is 64x32 px there.*has 32x16 px"):
            coco_to_tree(document(tmp_path, "small.png"), tmp_path, tmp_path / "out", class_map={}, images=images)
    assert not (tmp_path / "out").exists()


def test_the_size_of_a_turned_image_is_the_one_that_labelling_tools_show(tmp_path):
    """case: coco_exif6_silent"""
    (tmp_path / "a.jpg").write_bytes(encode(street(), "JPEG", exif=exif(6)))
    shown = document(tmp_path, "a.jpg", size=(61, 91))
    with pytest.raises(DatasetContractError, match="--images copy"):
        coco_to_tree(shown, tmp_path, tmp_path / "out", class_map={}, images="link")
    coco_to_tree(shown, tmp_path, tmp_path / "out", class_map={}, images="copy")
    with Image.open(open_tree(tmp_path / "out").image_path("a")) as image:
        assert image.size == (61, 91)
    with pytest.raises(DatasetContractError, match="91x61 px there"):
        coco_to_tree(document(tmp_path, "a.jpg", size=(91, 61)), tmp_path, tmp_path / "b", class_map={}, images="copy")


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (["a/1.jpg", "b/2.jpg"], ["1", "2"]),
        (["a/1.jpg", "b/1.jpg"], ["a-1", "b-1"]),
        (["b/1.png", "a-1.jpg", "a/1.jpg"], ["000002", "000000", "000001"]),
        (["a/.1.jpg", "b/c.d e.JPG"], ["a-.1", "b-c.d e"]),
        ([".1.jpg", "2.jpg"], ["000000", "000001"]),
    ],
)
def test_frames_are_called_after_their_images_where_that_is_unique(tmp_path, names, ids):
    images = tuple(LabelledImage(name, None, "") for name in names)
    write_tree(LabelledImages(images, {}), tmp_path / "out", images="none")
    rows = (tmp_path / "out" / "frames.csv").read_text().splitlines()[1:]
    assert sorted(rows) == sorted(f"{i},{name}" for i, name in zip(ids, names, strict=True))
    assert sorted(p.stem for p in (tmp_path / "out/training/label_2").iterdir()) == sorted(ids)


def test_an_image_that_is_listed_twice_is_refused(tmp_path):
    images = (LabelledImage("a.jpg", None, ""),) * 2
    with pytest.raises(DatasetContractError, match=r"listed more than once: \['a\.jpg'\]"):
        write_tree(LabelledImages(images, {}), tmp_path / "out", images="none")


def test_a_yolo_set_becomes_a_tree_with_its_split(tmp_path):
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (tmp_path / kind / split).mkdir(parents=True)
        (tmp_path / "images" / split / "1.jpg").write_bytes(encode(street(), "JPEG"))
        (tmp_path / "labels" / split / "1.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [helmet]\n")
    made = write_tree(yolo_images(tmp_path / "data.yaml"), tmp_path / "out", images="link")
    tree = open_tree(made.path)
    assert given_lists(tree) == {"train": ("train-1",), "val": ("val-1",)}
    assert tree.label_path("val-1").read_text().startswith("helmet 0.00 0 -10 22.75 15.25 68.25 45.75 ")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"])
def test_a_file_that_is_not_json_is_refused(tmp_path, content):
    (tmp_path / "d.json").write_bytes(content)
    with pytest.raises(DatasetContractError, match=r"d\.json"):
        coco_to_tree(tmp_path / "d.json", None, tmp_path / "out", class_map={}, images="none")
