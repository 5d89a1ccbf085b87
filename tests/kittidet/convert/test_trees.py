import json
from pathlib import Path

import pytest
from PIL import Image

from kittidet.classes import KITTI8, table_of
from kittidet.convert.to_tree import coco_to_tree
from kittidet.convert.trees import tree_to_coco, tree_to_yolo
from kittidet.errors import DatasetContractError, LabelParseError
from kittidet.kitti.tree import KittiTree, open_tree

CAR = "Car 0.12 1 -1.57 9.41 6.40 29.75 19.25 2.85 2.63 12.34 0.47 1.49 69.44 -1.56"
DONT_CARE = "DontCare -1 -1 -10 3.89 9.71 40.61 20.13 -1 -1 -1 -1000 -1000 -1000 -10"
MINI = Path(__file__).parents[4] / "shared" / "kitti" / "mini"


@pytest.fixture
def tree(tmp_path) -> KittiTree:
    training = tmp_path / "kitti" / "training"
    for name in ("image_2", "label_2"):
        (training / name).mkdir(parents=True)
    for i, text in enumerate(("", f"{CAR}\n{DONT_CARE}\n", f"{CAR}\r\n")):
        Image.new("RGB", (64, 32), (i, 0, 0)).save(training / "image_2" / f"{i:06d}.png")
        (training / "label_2" / f"{i:06d}.txt").write_bytes(text.encode())
    return open_tree(tmp_path / "kitti")


def labels(root: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted((root / "training" / "label_2").iterdir())}


def test_a_tree_comes_back_from_coco_byte_for_byte(tree, tmp_path):
    made = tree_to_coco(tree, tmp_path / "coco", splits={"all": tree.frame_ids}, images="copy")
    assert (made.frames, made.objects, made.lost) == (3, 3, {})
    again = coco_to_tree(
        made.path / "annotations" / "all.json", made.path / "images", tmp_path / "back", class_map={}, images="link"
    )
    assert (again.frames, again.objects, again.lost) == (3, 3, {})
    assert labels(tmp_path / "back") == labels(tree.root)
    assert open_tree(tmp_path / "back").digest() == tree.digest()


@pytest.mark.skipif(not MINI.is_dir(), reason="the real frames in ../shared/kitti/mini are not here")
def test_real_labels_come_back_from_coco_byte_for_byte(tmp_path):
    tree = open_tree(MINI)
    tree_to_coco(tree, tmp_path / "coco", splits={"all": tree.frame_ids}, images="none")
    coco_to_tree(tmp_path / "coco" / "annotations" / "all.json", None, tmp_path / "back", class_map={}, images="none")
    assert labels(tmp_path / "back") == labels(MINI)


def test_yolo_has_a_label_file_for_every_image_and_says_what_is_lost(tree, tmp_path):
    splits = {"train": tree.frame_ids[:2], "val": tree.frame_ids[2:]}
    made = tree_to_yolo(tree, tmp_path / "yolo", splits=splits, images="link", table=KITTI8)
    found = sorted(p.relative_to(made.path).with_suffix("").as_posix() for p in made.path.rglob("*.png"))
    assert found == ["images/train/000000", "images/train/000001", "images/val/000002"]
    for name in found:
        assert (made.path / name.replace("images", "labels")).with_suffix(".txt").is_file()
    assert (made.path / "labels/train/000000.txt").read_text() == ""
    assert any("DontCare" in sentence for sentence in made.lost)


def test_an_existing_folder_is_never_written_over(tree, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "work.txt").write_text("mine")
    with pytest.raises(DatasetContractError, match="already exists"):
        tree_to_coco(tree, tmp_path / "mine", splits={"all": tree.frame_ids}, images="none")
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["work.txt"]


def test_a_bad_label_leaves_no_half_written_folder(tree, tmp_path):
    tree.label_path("000002").write_text("Car 0 0\n")
    with pytest.raises(LabelParseError, match=r"000002\.txt:1"):
        tree_to_yolo(tree, tmp_path / "yolo", splits={"all": tree.frame_ids}, images="link", table=KITTI8)
    assert [p.name for p in tmp_path.iterdir()] == ["kitti"]


def test_a_split_with_an_unknown_frame_is_refused(tree, tmp_path):
    with pytest.raises(DatasetContractError, match="999999"):
        tree_to_coco(tree, tmp_path / "coco", splits={"val": ["999999"]}, images="none")


def test_own_classes_are_written_under_their_names(tree, tmp_path):
    """case: own_class"""
    tree.label_path("000000").write_text(CAR.replace("Car", "helmet") + "\n")
    made = tree_to_yolo(tree, tmp_path / "yolo", splits={"all": ["000000"]}, images="none", table=table_of(["helmet"]))
    assert (made.path / "labels/all/000000.txt").read_text().startswith("0 ")
    made = tree_to_coco(tree, tmp_path / "coco", splits={"all": tree.frame_ids}, images="none")
    document = json.loads((made.path / "annotations" / "all.json").read_text())
    assert document["categories"][-1] == {"id": 9, "name": "helmet"}
    assert document["annotations"][0]["category_id"] == 9
