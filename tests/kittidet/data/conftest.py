"""Small records with coloured images, and the check that an op does the same in eager mode and in tf.data."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kittidet.classes import KITTI8
from kittidet.kitti.tree import open_tree
from kittidet.records.write import write_records

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

SIZES_WH = ((124, 38), (122, 37), (123, 37), (124, 37), (124, 38))
SHARED = Path(__file__).parents[4] / "shared"


def label(kitti_type, xyxy):
    box = " ".join(f"{v:.2f}" for v in xyxy)
    if kitti_type == "DontCare":
        return f"DontCare -1 -1 -10 {box} -1 -1 -1 -1000 -1000 -1000 -10\n"
    return f"{kitti_type} 0.00 0 0.10 {box} 1.50 1.60 3.90 1.00 1.50 20.00 -1.40\n"


@pytest.fixture(scope="session")
def records(tmp_path_factory) -> Path:
    """Five frames in two shards: objects and a region in the first, nothing in the second, one object in the rest."""
    root = tmp_path_factory.mktemp("kitti") / "training"
    labels = [
        label("Car", (10, 10, 40, 30)) + label("Tram", (60, 5, 110, 36)) + label("DontCare", (100, 2, 118, 12)),
        "",
        label("Pedestrian", (50, 8, 60, 33)),
        label("Car", (0, 12, 31, 37)),
        label("Van", (90, 10, 123, 37)),
    ]
    for folder in ("image_2", "label_2"):
        (root / folder).mkdir(parents=True)
    for number, (size_wh, text) in enumerate(zip(SIZES_WH, labels, strict=True)):
        rng = np.random.default_rng(number)
        coarse = Image.fromarray(rng.integers(0, 256, (5, 15, 3), dtype=np.uint8))
        coarse.resize(size_wh, Image.Resampling.BILINEAR).save(root / "image_2" / f"{number:06d}.png")
        (root / "label_2" / f"{number:06d}.txt").write_text(text)
    out = tmp_path_factory.mktemp("records")
    tree = open_tree(root.parent)
    write_records(tree, tree.frame_ids, split_name="train", table=KITTI8, num_shards=2, out_dir=out, workers=1)
    return out


@pytest.fixture(scope="session")
def everywhere():
    """Return a function that runs an op eagerly and inside tf.data.map, asks for one result, and returns it."""
    import tensorflow as tf

    def run(function, *tensors):
        tensors = tuple(tf.convert_to_tensor(t) for t in tensors)
        eager = function(*tensors)
        (mapped,) = tf.data.Dataset.from_tensors(tensors).map(function)
        for one, other in zip(tf.nest.flatten(eager), tf.nest.flatten(mapped), strict=True):
            if one.dtype.is_floating:
                np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-5, atol=1e-4)
            else:
                np.testing.assert_array_equal(one.numpy(), other.numpy())
        return tf.nest.map_structure(lambda t: t.numpy(), eager)

    return run


@pytest.fixture(scope="session")
def oracle():
    """Return what the reference made of one frame; skip where its outputs are not beside the project."""
    path = SHARED / "oracle" / "preprocess.npz"
    if not path.is_file():
        pytest.skip("the reference's outputs are not beside the project: ../shared/oracle/preprocess.npz")
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)
