"""A person's own data, from a COCO document with its images to the report: own classes, JPEG images, odd names."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from kittidet.config import RunConfig
from kittidet.config_file import load_run_config
from kittidet.runs.run import Run
from kittidet.steps.pipeline import run_pipeline
from kittidet.steps.report import page_of

SIZE_WH = (160, 96)


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """Documents `train.json` and `val.json` of six and three JPEG images with a helmet, a vest and a crowd each."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 3)):
        (tmp_path / "photos" / split).mkdir(parents=True)
        images, annotations = [], []
        for number in range(count):
            name = f"site {number}, gate.{split}.JPG"
            image = Image.fromarray(rng.integers(0, 90, (SIZE_WH[1], SIZE_WH[0], 3), dtype=np.uint8))
            pen = ImageDraw.Draw(image)
            for category, colour in ((7, "red"), (3, "yellow")):
                x, y = (int(v) for v in rng.integers(0, (90, 50)))
                pen.rectangle((x, y, x + 40, y + 30), fill=colour)
                annotations.append({"image_id": number, "category_id": category, "bbox": [x, y, 40, 30]})
            annotations.append({"image_id": number, "category_id": 3, "bbox": [100, 60, 50, 30], "iscrowd": 1})
            image.save(tmp_path / "photos" / split / name, "JPEG")
            images.append({"id": number, "file_name": name, "width": SIZE_WH[0], "height": SIZE_WH[1]})
        document = {
            "images": images,
            "categories": [{"id": 7, "name": "hard hat"}, {"id": 3, "name": "Vest"}],
            "annotations": [{"id": i, **a} for i, a in enumerate(annotations)],
        }
        (tmp_path / f"{split}.json").write_text(json.dumps(document))
    return tmp_path


def config_of(folder: Path, *more: str) -> RunConfig:
    return load_run_config(
        RunConfig(name="site", store_dir=folder / "store", runs_dir=folder / "runs"),
        overrides=[
            "source.kind=coco",
            f"source.annotations={{train: {folder / 'train.json'}, val: {folder / 'val.json'}}}",
            f"source.images_dir={{train: {folder / 'photos/train'}, val: {folder / 'photos/val'}}}",
            "split.method=given",
            "records.classes=[hard hat, Vest]",
            "model.input_hw=[64, 128]",
            "train.epochs=1",
            "train.batch_size=3",
            "records.train_shards=1",
            "records.val_shards=1",
            *more,
        ],
    )


def test_own_classes_train_from_coco_to_the_report(coco, tiny_models):
    """cases: own_class, jpg_images, ids_not_six_digits, run_ends_without_report"""
    published = run_pipeline(config_of(coco))
    run = Run.open(published.path)
    assert run.table.names == ("hard_hat", "Vest")
    assert (published.summary["n_train"], published.summary["n_val"], published.summary["n_set_aside"]) == (6, 3, 0)
    assert published.summary["counts"] == {"train": {"hard_hat": 6, "Vest": 6}, "val": {"hard_hat": 3, "Vest": 3}}
    assert [frame.frame_id for frame in run.frames] == [f"site {n}, gate.val" for n in range(3)]
    page = page_of(published.path).read_text()
    assert "hard_hat" in page
    assert "There are no official KITTI scores: " in page
    tree = run.find_tree()
    assert tree is not None
    frame = Run.open(published.path, tree=tree).frames[0]
    assert [o.type for o in frame.objects] == ["hard_hat", "Vest", "DontCare"]
    assert {o.occluded for o in frame.objects[:2]} == {0}
    assert frame.image_path.suffix == ".jpg"
    assert run_pipeline(config_of(coco)).cached
