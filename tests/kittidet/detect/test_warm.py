"""Checkpoints of one model share a compiled network, and never each other's weights."""

import numpy as np
import pytest

from kittidet.classes import KITTI3, KITTI8
from kittidet.config import EvalConfig, ModelConfig
from kittidet.detect import warm
from kittidet.detect.checkpoint import DetectorFacts, write_checkpoint
from kittidet.detect.warm import warm_detector
from kittidet.errors import CheckpointMismatchError

pytestmark = pytest.mark.usefixtures("tiny_models")
CONFIG = EvalConfig(nms="hard", max_detections=5)
IMAGES = np.random.default_rng(0).normal(size=(1, 64, 128, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(warm, "_KEPT", [])


@pytest.fixture
def checkpoints(tmp_path, tiny_network, small_model):
    """Two checkpoints of one training, a hundredth of the weights apart."""
    made = []
    for step in (1, 2):
        for variable in tiny_network.trainable_variables:
            variable.assign(variable * 1.01)
        made.append(write_checkpoint(tmp_path, tiny_network, DetectorFacts(small_model, KITTI8, step)).path)
    return made


def scores_of(detector):
    row, size = np.array([[1, 1, 0, 0]], np.float32), np.array([[128, 64]])
    return detector.predictor.detect(IMAGES, ["a"], row, size, config=CONFIG)[0].scores


def test_checkpoints_of_one_model_are_compiled_once_and_keep_their_own_weights(checkpoints):
    seen = []
    for path in (*checkpoints, checkpoints[0]):
        with warm_detector(path) as detector:
            seen.append((detector.predictor, detector.facts.step, scores_of(detector)))
    assert len({id(predictor) for predictor, _, _ in seen}) == 1
    assert [step for _, step, _ in seen] == [1, 2, 1]
    assert not np.array_equal(seen[0][2], seen[1][2])
    np.testing.assert_array_equal(seen[0][2], seen[2][2])


@pytest.mark.parametrize("facts", [DetectorFacts(ModelConfig(input_hw=(64, 192)), KITTI8), "other classes"])
def test_another_model_or_class_table_is_built_anew(checkpoints, tmp_path, facts, small_model):
    from fixtures.tiny_models import tiny_efficientdet

    other = DetectorFacts(small_model, KITTI3) if facts == "other classes" else facts
    network = tiny_efficientdet("d0", len(other.table), other.model.input_hw)
    path = write_checkpoint(tmp_path / "other", network, other).path
    with warm_detector(checkpoints[0]) as first:
        pass
    with warm_detector(path) as second:
        assert second.network is not first.network
        assert second.table == other.table


def test_a_detector_that_is_lent_is_not_lent_again(checkpoints):
    with warm_detector(checkpoints[0]) as outer, warm_detector(checkpoints[1]) as inner:
        assert inner.network is not outer.network


def test_a_checkpoint_that_cannot_be_loaded_leaves_nothing_half_exchanged(checkpoints):
    with warm_detector(checkpoints[0]) as first:
        pass
    (checkpoints[1] / "model.weights.h5").write_bytes(b"damaged")
    with pytest.raises(CheckpointMismatchError), warm_detector(checkpoints[1]):
        pass
    with warm_detector(checkpoints[0]) as again:
        assert again.network is not first.network
