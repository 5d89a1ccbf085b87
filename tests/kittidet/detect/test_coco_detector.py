"""A COCO checkpoint becomes a detector whole, or is refused."""

import keras
import numpy as np
import pytest

from kittidet.config import ModelConfig
from kittidet.detect import coco_detector
from kittidet.detect.coco_detector import load_coco_detector
from kittidet.errors import CheckpointMismatchError
from kittidet.model.efficientdet import build_efficientdet
from kittidet.model.pretrained import LoadReport

MODEL = ModelConfig(variant="lite0", input_hw=(64, 128), anchor_scale=2.0)


def test_all_90_outputs_come_from_the_checkpoint_and_anchors_are_the_published_ones(tmp_path):
    keras.utils.set_random_seed(1)
    network = build_efficientdet("lite0", 90, (64, 128))
    network.save_weights(tmp_path / "coco.weights.h5")
    detector = load_coco_detector(tmp_path / "coco.weights.h5", model=MODEL)
    assert len(detector.table) == 90
    assert detector.model_config.anchor_scale is None
    for ours, theirs in zip(detector.network.weights, network.weights, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs))


@pytest.mark.parametrize("part", ["left_alone", "partly"])
def test_a_checkpoint_that_leaves_values_random_is_refused(monkeypatch, part):
    report = LoadReport(loaded=("box_net/bias",), **{part: {"class_net/bias": "it is for 3 classes, the model has 90"}})
    monkeypatch.setattr(coco_detector, "build_efficientdet", lambda *args: None)
    monkeypatch.setattr(coco_detector, "load_checkpoint", lambda *args: report)
    with pytest.raises(CheckpointMismatchError, match=r"class_net/bias: it is for 3 classes.* whole COCO checkpoint"):
        load_coco_detector("coco.h5", model=MODEL)
