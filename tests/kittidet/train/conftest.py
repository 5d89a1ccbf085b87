"""A few drawn records, and a network that has EfficientDet's outputs but traces in a second."""

from pathlib import Path

import keras
import pytest
from keras import layers

from kittidet.classes import KITTI8
from kittidet.config import ModelConfig, TrainConfig
from kittidet.kitti.tree import open_tree
from kittidet.records.write import write_records

CANVAS_HW = (64, 128)


def tiny_efficientdet(variant, num_classes, image_size, *, seed=None, dtype="float32"):
    """A stand-in for `build_efficientdet`: same inputs, outputs and anchors, one small layer a level."""
    images = keras.Input((*image_size, 3))
    features, logits, codes = images, [], []
    for level in range(1, 8):
        features = layers.AveragePooling2D(2, padding="same")(features)
        if level >= 3:
            hidden = layers.BatchNormalization(name=f"norm_{level}")(layers.Conv2D(8, 1)(features))
            hidden = layers.ReLU()(hidden)
            logits.append(layers.Reshape((-1, num_classes))(layers.Conv2D(9 * num_classes, 1)(hidden)))
            codes.append(layers.Reshape((-1, 4))(layers.Conv2D(36, 1)(hidden)))
    outputs = {
        "class_logits": layers.Concatenate(axis=1, dtype="float32")(logits),
        "box_codes": layers.Concatenate(axis=1, dtype="float32")(codes),
    }
    return keras.Model(images, outputs, name="tiny")


@pytest.fixture
def tiny_network():
    """The stand-in for 8 classes on the small canvas, from a fixed seed."""
    keras.utils.set_random_seed(1)
    return tiny_efficientdet("d0", 8, CANVAS_HW)


@pytest.fixture(scope="session")
def tiny_models():
    """Make training and loading build the stand-in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kittidet.train.fit.build_efficientdet", tiny_efficientdet)
        patch.setattr("kittidet.train.checkpoints.build_efficientdet", tiny_efficientdet)
        yield


@pytest.fixture(scope="session")
def train_records(drawn_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of the ten drawn frames; read only."""
    folder = tmp_path_factory.mktemp("records") / "train"
    tree = open_tree(drawn_root)
    write_records(tree, tree.frame_ids, split_name="train", table=KITTI8, num_shards=2, out_dir=folder, workers=1)
    return folder


@pytest.fixture(scope="session")
def small_model():
    return ModelConfig(canvas_hw=CANVAS_HW)


@pytest.fixture(scope="session")
def short_recipe():
    """Three epochs of two steps, everything on that keeps state."""
    return TrainConfig(epochs=3, batch_size=5, learning_rate=0.2, checkpoint_every_epochs=1, keep_checkpoints=2)
