"""kittidet.model.batch_statistics: both forms are the plain formula, in value, gradient and moved statistics."""

import numpy as np
import pytest
import tensorflow as tf

from kittidet.model import batch_statistics
from kittidet.model.batch_statistics import normalize_by_own

FORMS = ["fused", "written out"]


def draw(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.fixture(params=FORMS)
def _form(request, monkeypatch):
    monkeypatch.setattr(batch_statistics, "_has_fused_operation", lambda: request.param == "fused")


@pytest.mark.usefixtures("_form")
@pytest.mark.parametrize("in_a_graph", [True, False])
@pytest.mark.parametrize("activation", [None, "swish", "relu6"])
def test_values_and_gradients_are_those_of_the_plain_formula(activation, in_a_graph):
    x, weight = draw(2, 4, 3, 6) + 50 * (np.arange(6) == 5), draw(2, 4, 3, 6, seed=2)  # a channel far from 0
    x, gamma, beta, bias = (tf.constant(v, tf.float32) for v in (x, 1 + draw(6) / 4, draw(6), draw(6, seed=3)))

    def ours(x, gamma, beta, bias):
        moving, norm = (gamma, gamma), {"momentum": 0.99, "epsilon": 1e-3, "activation": activation}
        return normalize_by_own(x, gamma, beta, bias, moving, **norm)[0]

    def plain(x, gamma, beta, bias):
        mean, variance = tf.nn.moments(x + bias, (0, 1, 2))
        y = tf.nn.batch_normalization(x + bias, mean, variance, beta, gamma, 1e-3)
        return {"swish": tf.nn.silu, "relu6": tf.nn.relu6, None: tf.identity}[activation](y)

    def gradients(form):
        with tf.GradientTape() as tape:
            tape.watch([x, gamma, beta, bias])
            y = form(x, gamma, beta, bias)
        return y, *tape.gradient(y, [x, gamma, beta, bias], output_gradients=tf.constant(weight))

    run = tf.function(gradients) if in_a_graph else gradients
    for got, expected in zip(run(ours), run(plain), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=5e-5)


@pytest.mark.usefixtures("_form")
@pytest.mark.parametrize("bias", [None, draw(6)])
def test_the_statistics_move_towards_the_mean_with_bias_and_the_unbiased_variance(bias):
    x, mean, variance = draw(2, 4, 4, 6), draw(6), 1 + draw(6, seed=5) ** 2
    moving = tf.constant(mean), tf.constant(variance)
    options = {"momentum": 0.9, "epsilon": 1e-3, "activation": None}
    ones = tf.ones(6)
    _, new_mean, new_variance = normalize_by_own(
        tf.constant(x), ones, ones, None if bias is None else tf.constant(bias), moving, **options
    )
    flat = x.reshape(-1, 6) + (0.0 if bias is None else bias)
    np.testing.assert_allclose(new_mean, 0.9 * mean + 0.1 * flat.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(new_variance, 0.9 * variance + 0.1 * flat.var(0, ddof=1), rtol=1e-5)
