"""kittidet.model.activation: values, and the same gradient whether the gate is kept or worked out again."""

import numpy as np
import pytest
import tensorflow as tf

from kittidet.model.activation import activate, activate_lean


@pytest.mark.parametrize(
    ("activation", "expected"), [("swish", [-0.238405824, 0.0, 7.9973172]), ("relu6", [0.0, 0.0, 6.0])]
)
@pytest.mark.parametrize("form", [activate, activate_lean])
def test_values(form, activation, expected):
    x = tf.constant([-2.0, 0.0, 8.0])
    np.testing.assert_allclose(form(x, activation), expected, rtol=1e-6)


@pytest.mark.parametrize("form", [activate, activate_lean])
def test_the_gradient_of_swish_is_the_formulas(form):
    x = tf.linspace(-6.0, 6.0, 25)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = form(x, "swish")
    gate = 1 / (1 + np.exp(-x.numpy().astype(np.float64)))
    np.testing.assert_allclose(tape.gradient(y, x), gate * (1 + x.numpy() * (1 - gate)), rtol=1e-5, atol=1e-6)
