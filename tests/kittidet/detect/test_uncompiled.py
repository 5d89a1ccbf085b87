"""The network for a handful of images, held to the Keras model of the same checkpoint."""

import numpy as np
import pytest

from kittidet.detect.checkpoint import WEIGHTS_NAME, read_facts
from kittidet.detect.detector import Detector
from kittidet.detect.uncompiled import UncompiledNetwork
from kittidet.errors import CheckpointMismatchError

INPUT_HW = (128, 256)


@pytest.fixture(scope="module")
def checkpoint(shallow_networks, tmp_path_factory):
    """A detector whose every weight, moving statistics included, is other than when it is built."""
    made = Detector.build("shallow", classes="kitti8", input_hw=INPUT_HW, seed=0)
    rng = np.random.default_rng(0)
    for variable in made.network.weights:
        variable.assign(np.asarray(variable) * rng.uniform(0.9, 1.1, variable.shape) + 0.01)
    return made.save(tmp_path_factory.mktemp("uncompiled") / "made")


def test_its_outputs_are_those_of_the_keras_model(checkpoint):
    images = np.random.default_rng(0).normal(size=(2, *INPUT_HW, 3)).astype(np.float32)
    expected = Detector.load(checkpoint).network(images, training=False)
    found = Detector.load_for_few(checkpoint).network(images)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5, atol=1e-5)


def test_it_is_neither_trained_nor_loaded_from_damage(checkpoint, tmp_path):
    facts = read_facts(checkpoint)
    with pytest.raises(ValueError, match=r"Detector\.load"):
        UncompiledNetwork(facts, checkpoint / WEIGHTS_NAME)(np.zeros((1, *INPUT_HW, 3), np.float32), training=True)
    (tmp_path / WEIGHTS_NAME).write_bytes((checkpoint / WEIGHTS_NAME).read_bytes()[:5000])
    with pytest.raises(CheckpointMismatchError):
        UncompiledNetwork(facts, tmp_path / WEIGHTS_NAME)
