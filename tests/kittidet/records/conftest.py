"""Small KITTI trees with noise for images, and folders of records made of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kittidet.classes import KITTI8
from kittidet.kitti.tree import KittiTree, open_tree
from kittidet.records.write import write_records

CAR = "Car 0.25 1 -1.50 10.00 12.50 30.25 40.00 1.50 1.60 3.90 1.00 1.50 20.00 -1.40"
WALKER = "Pedestrian 0.00 0 0.10 50.00 10.00 60.00 45.00 1.80 0.60 0.80 3.00 1.50 12.00 0.30"
TRAM = "Tram 0.00 0 0.10 2.00 3.00 9.00 14.00 3.50 2.60 15.00 3.00 1.50 50.00 0.30"
REGION = "DontCare -1 -1 -10 70.00 1.00 79.00 9.00 -1 -1 -1 -1000 -1000 -1000 -10"

MakeTree = Callable[..., KittiTree]


@pytest.fixture
def make_tree(tmp_path: Path) -> MakeTree:
    """Return a function that makes a tree of frames: id -> label lines; `size_wh` for all."""

    def make(frames: dict[str, list[str]], size_wh: tuple[int, int] = (80, 50), name: str = "kitti") -> KittiTree:
        root = tmp_path / name
        for folder in ("image_2", "label_2"):
            (root / "training" / folder).mkdir(parents=True)
        for number, (frame_id, lines) in enumerate(frames.items()):
            pixels = np.random.default_rng(number).integers(0, 256, (size_wh[1], size_wh[0], 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / "training" / "image_2" / f"{frame_id}.png")
            text = "".join(f"{line}\n" for line in lines)
            (root / "training" / "label_2" / f"{frame_id}.txt").write_text(text)
        return open_tree(root)

    return make


@pytest.fixture
def three_frames(make_tree: MakeTree) -> KittiTree:
    """Two objects and a region, none, one region."""
    return make_tree({"000003": [CAR, WALKER, REGION], "000004": [], "000011": [REGION]})


@pytest.fixture
def referring_records(three_frames: KittiTree, tmp_path: Path) -> Path:
    """The records of `three_records`, which refer to the images of data set ``dddd...``."""
    folder = tmp_path / "referring"
    options = {"split_name": "val", "table": KITTI8, "num_shards": 2, "workers": 1, "images_of": "d" * 64}
    write_records(three_frames, three_frames.frame_ids, out_dir=folder, **options)
    return folder


@pytest.fixture
def three_records(three_frames: KittiTree, tmp_path: Path) -> Path:
    """Records of `three_frames` in two shards."""
    folder = tmp_path / "records"
    write_records(
        three_frames, three_frames.frame_ids, split_name="val", table=KITTI8, num_shards=2, out_dir=folder, workers=1
    )
    return folder
