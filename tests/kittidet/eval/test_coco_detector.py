"""A COCO checkpoint becomes a detector whole, or is refused."""

import keras
import numpy as np
import pytest

from kittidet.config import ModelConfig
from kittidet.errors import CheckpointMismatchError
from kittidet.eval.coco_detector import load_coco_detector
from kittidet.model.efficientdet import build_efficientdet

MODEL = ModelConfig(variant="lite0", canvas_hw=(64, 128), anchor_scale=2.0)


def saved(tmp_path, classes):
    keras.utils.set_random_seed(1)
    network = build_efficientdet("lite0", classes, (64, 128))
    network.save_weights(tmp_path / "coco.weights.h5")
    return network, tmp_path / "coco.weights.h5"


def test_all_90_outputs_come_from_the_checkpoint_and_anchors_are_the_published_ones(tmp_path):
    network, path = saved(tmp_path, 90)
    detector = load_coco_detector(path, model=MODEL)
    assert len(detector.table) == 90
    assert detector.model_config.anchor_scale is None
    for ours, theirs in zip(detector.network.weights, network.weights, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs))


def test_a_checkpoint_of_other_classes_is_refused(tmp_path):
    _, path = saved(tmp_path, 3)
    with pytest.raises(CheckpointMismatchError, match="needs a whole COCO checkpoint of 90 classes"):
        load_coco_detector(path, model=MODEL)
