"""The heads: anchors in order, convolutions shared, a start that says "nothing here"."""

import numpy as np
import pytest
from keras.ops import convert_to_numpy

from kittidet.model.heads import CLASS_BIAS, PredictionHead


def maps(sizes: list[tuple[int, int]], channels: int = 64) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(2, h, w, channels)).astype(np.float32) for h, w in sizes]


SIZES = [(4, 6), (2, 3), (1, 2), (1, 1), (1, 1)]


def test_class_heads_start_at_the_prior_of_one_percent():
    assert pytest.approx(-4.59511985, abs=1e-6) == CLASS_BIAS
    head = PredictionHead("d0", 3, CLASS_BIAS)
    head.build()
    np.testing.assert_array_equal(convert_to_numpy(head.predict.bias), np.full(27, np.float32(CLASS_BIAS)))


def test_a_value_of_an_anchor_is_channel_anchor_times_values_plus_value():
    head = PredictionHead("d0", 4)
    inputs = maps(SIZES)
    outputs = convert_to_numpy(head(inputs))
    assert outputs.shape == (2, 9 * sum(h * w for h, w in SIZES), 4)
    # Silence the predicting convolution but for its bias: every cell then shows the channel numbers.
    head.predict.pointwise_kernel.assign(np.zeros((1, 1, 64, 36)))
    head.predict.bias.assign(np.arange(36))
    np.testing.assert_array_equal(convert_to_numpy(head(inputs))[1, :9], np.arange(36).reshape(9, 4))


def test_convolutions_are_shared_by_levels_and_norms_are_not():
    head = PredictionHead("d0", 4)
    head.build()
    kernels = [w for w in head.weights if "kernel" in w.path]
    assert len(kernels) == 2 * (3 + 1)
    assert len(head.weights) == 3 * (3 + 1) + 3 * 5 * 4
