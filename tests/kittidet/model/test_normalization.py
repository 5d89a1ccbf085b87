"""Convolution and batch norm: both forms agree with the plain formula, and statistics move as the reference's."""

import numpy as np
import pytest
from keras import ops
from keras.ops import convert_to_numpy

from kittidet.model.efficientdet import build_efficientdet
from kittidet.model.normalization import BatchNorm, freeze_batch_norm, normalized_convolution


@pytest.fixture
def layer() -> BatchNorm:
    norm = BatchNorm()
    norm.build((None, None, None, 6))
    rng = np.random.default_rng(0)
    norm.gamma.assign(rng.uniform(0.5, 1.5, 6))
    norm.beta.assign(rng.normal(size=6))
    norm.moving_mean.assign(rng.normal(size=6))
    norm.moving_variance.assign(rng.uniform(0.5, 1.5, 6))
    return norm


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(("kind", "shape"), [("full", (3, 3, 6, 6)), ("depthwise", (3, 3, 6, 1))])
def test_moving_statistics_in_the_kernel_equal_convolution_then_norm(layer, kind, shape):
    x, kernel, bias = draw(2, 5, 7, 6), draw(*shape), draw(6)
    folded = normalized_convolution(x, kernel, layer, kind=kind, bias=bias, strides=2, training=False)
    convolution = ops.conv if kind == "full" else ops.depthwise_conv
    gamma, beta, mean, variance = (convert_to_numpy(w) for w in layer.weights)
    plain = convolution(x, kernel, strides=2, padding="same") + bias
    expected = (plain - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    np.testing.assert_allclose(folded, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("bias", [None, 0.7])
def test_batch_statistics_normalise_and_the_unbiased_variance_moves(layer, bias):
    x, kernel = draw(2, 4, 4, 6), np.eye(6, dtype=np.float32)[None, None]
    offset = None if bias is None else np.full(6, bias, np.float32)
    gamma, beta, mean_before, variance_before = (convert_to_numpy(w).copy() for w in layer.weights)
    outputs = normalized_convolution(x, kernel, layer, kind="full", bias=offset, training=True)
    flat = x.reshape(-1, 6) + (bias or 0.0)
    expected = (x + (bias or 0.0) - flat.mean(0)) / np.sqrt(flat.var(0) + 1e-3) * gamma + beta
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        convert_to_numpy(layer.moving_mean), 0.99 * mean_before + 0.01 * flat.mean(0), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        convert_to_numpy(layer.moving_variance), 0.99 * variance_before + 0.01 * flat.var(0, ddof=1), rtol=1e-5
    )


def test_a_frozen_norm_keeps_its_statistics_in_training(layer):
    layer.trainable = False
    before = [convert_to_numpy(w) for w in layer.weights]
    x, kernel = draw(2, 4, 4, 6), np.eye(6, dtype=np.float32)[None, None]
    training = normalized_convolution(x, kernel, layer, kind="full", training=True)
    inference = normalized_convolution(x, kernel, layer, kind="full", training=False)
    np.testing.assert_array_equal(training, inference)
    for was, now in zip(before, layer.weights, strict=True):
        np.testing.assert_array_equal(was, convert_to_numpy(now))


def test_freezing_a_model_freezes_every_batch_norm_and_no_kernel():
    model = build_efficientdet("lite0", 2, (96, 128))
    trainable = len(model.trainable_variables)
    frozen = freeze_batch_norm(model)
    assert frozen == 216 // 2
    assert len(model.trainable_variables) == trainable - 2 * frozen
    assert not any("norm/" in v.path for v in model.trainable_variables)
