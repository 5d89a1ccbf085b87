"""The detector's activations, and gradients that work a map out again instead of keeping it.

Swish is written as a product: Keras' own also differentiates by its slope, which nobody asks for, and has three times
the operations forwards.
"""

from typing import Any

import keras
from keras import ops

from kittidet.model.scaling import Activation

RELU6_TOP = 6.0


def activate(inputs: Any, activation: Activation) -> Any:
    """Return swish, ``x * sigmoid(x)``, or relu6 of ``inputs``."""
    return inputs * ops.sigmoid(inputs) if activation == "swish" else ops.relu6(inputs)


def activate_lean(inputs: Any, activation: Activation) -> Any:
    """Return the same as `activate`, for training: the backward pass keeps no gate of swish."""
    if activation != "swish":
        return activate(inputs, activation)

    @ops.custom_gradient
    def forward(inputs: Any) -> Any:
        outputs = activate(inputs, "swish")

        def backward(*args: Any, upstream: Any = None) -> Any:
            grad = upstream if upstream is not None else args[0]
            return grad * swish_slope(after(inputs, grad), outputs)

        return outputs, backward

    return forward(inputs)


def swish_slope(inputs: Any, outputs: Any) -> Any:
    """Return swish's derivative at ``inputs``, where ``outputs`` is swish of them."""
    gate = ops.sigmoid(inputs)
    return gate + (outputs - outputs * gate)


def after(value: Any, event: Any) -> Any:
    """Return ``value``, but not before ``event`` is there.

    What is worked out again for a gradient has to wait for it: TensorFlow runs whatever is ready, would do it in the
    forward pass, and keep the result.
    """
    if keras.backend.backend() != "tensorflow":
        return value
    import tensorflow as tf  # noqa: PLC0415  not on the other backends

    with tf.control_dependencies([event]):
        return tf.identity(value)
