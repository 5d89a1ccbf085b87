"""Convolution followed by batch norm, the unit that the whole detector is built from.

``normalized_convolution`` has two forms. With batch statistics it convolves, then normalises. With moving statistics
(inference, or a frozen batch norm in training) the normalisation is linear, so it is multiplied into the kernel, and
one pass over the feature map is saved in each direction.
"""

from typing import Any, Literal

import keras
from keras import ops

from kittidet.model.activation import activate, activate_lean
from kittidet.model.batch_statistics import normalize_by_own
from kittidet.model.scaling import Activation

MOMENTUM = 0.99
EPSILON = 1e-3

ConvolutionKind = Literal["full", "depthwise"]


@keras.saving.register_keras_serializable(package="kittidet")
class BatchNorm(keras.layers.BatchNormalization):
    """Batch norm with the reference's constants, over the last axis of ``[b, h, w, c]``.

    The moving variance tracks the unbiased batch variance ``n / (n - 1)``, as the reference's fused kernel does;
    Keras' own layer tracks the population variance. Set ``trainable = False`` to use and keep the moving statistics,
    or ``keeps_statistics`` to do so while gamma and beta learn.
    """

    def __init__(self, momentum: float = MOMENTUM, epsilon: float = EPSILON, **kwargs: Any) -> None:
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)
        self.keeps_statistics = False

    def uses_batch_statistics(self, *, training: bool | None) -> bool:
        """Whether a call in this mode normalises with the batch's statistics."""
        return bool(training) and self.trainable and not self.keeps_statistics

    def moving_affine(self) -> tuple[Any, Any]:
        """Return ``(scale, shift)``, float32 ``[c]``: the moving statistics turn ``x`` into ``x * scale + shift``."""
        scale = as_float32(self.gamma) * ops.rsqrt(as_float32(self.moving_variance) + self.epsilon)
        shift = as_float32(self.beta) - as_float32(self.moving_mean) * scale
        # Nobody asks for the gradient of a frozen norm, but tapes would work it out: a pass over each map.
        return (scale, shift) if self.trainable else (ops.stop_gradient(scale), ops.stop_gradient(shift))

    def normalize_batch(self, inputs: Any, bias: Any | None = None, activation: Activation | None = None) -> Any:
        """Return ``inputs + bias`` ``[b, h, w, c]`` normalised by its own statistics, then activated.

        The moving statistics move a step towards them.
        """
        outputs, mean, variance = normalize_by_own(
            inputs,
            as_float32(self.gamma),
            as_float32(self.beta),
            None if bias is None else as_float32(bias),
            (as_float32(self.moving_mean), as_float32(self.moving_variance)),
            momentum=self.momentum,
            epsilon=self.epsilon,
            activation=activation,
        )
        self.moving_mean.assign(mean)
        self.moving_variance.assign(variance)
        return outputs


class FoldedNorm(keras.layers.Layer):
    """A batch norm folded into its convolution: its own kernel and a shift; for inference only."""

    def build(self, kernel_shape: tuple[int, ...]) -> None:
        """Create the kernel and the shift of its output channels."""
        depthwise = kernel_shape[-1] == 1
        self.kernel = self.add_weight(shape=kernel_shape, initializer="zeros", trainable=False, name="kernel")
        channels = kernel_shape[-2] if depthwise else kernel_shape[-1]
        self.shift = self.add_weight(shape=(channels,), initializer="zeros", trainable=False, name="shift")
        self.built = True


def make_norm(name: str, *, folded: bool) -> "BatchNorm | FoldedNorm":
    """Return a batch norm, or the placeholder of a folded one."""
    return FoldedNorm(name=name) if folded else BatchNorm(name=name)


def build_norm(norm: "BatchNorm | FoldedNorm", kernel_shape: tuple[int, ...]) -> None:
    """Create a norm's weights for a convolution with this kernel shape, ``[k, k, c, c_out]`` or ``[k, k, c, 1]``."""
    if isinstance(norm, FoldedNorm):
        norm.build(kernel_shape)
    else:
        norm.build((None, None, None, kernel_shape[-2] if kernel_shape[-1] == 1 else kernel_shape[-1]))


def as_float32(variable: Any) -> Any:
    """Return a variable's value as a float32 tensor, without mixed-precision casting."""
    value = variable.value if isinstance(variable, keras.Variable) else variable
    return ops.cast(value, "float32")


def normalized_convolution(
    inputs: Any,
    kernel: Any,
    norm: BatchNorm | FoldedNorm,
    *,
    kind: ConvolutionKind,
    bias: Any | None = None,
    strides: int = 1,
    activation: Activation | None = None,
    training: bool | None = None,
) -> Any:
    """Return the batch-normalised, then activated SAME convolution of ``inputs``.

    Args:
        inputs: ``[b, h, w, c]`` in the compute dtype.
        kernel: ``[k, k, c, c_out]``, or ``[k, k, c, 1]`` for ``kind="depthwise"``.
        norm: the batch norm of the output channels; a folded one has its own kernel and replaces the bias.
        kind: ``full`` mixes channels, ``depthwise`` has one filter per channel.
        bias: ``[c_out]`` added before the batch norm.
        strides: of the convolution.
        activation: after the batch norm, or None.
        training: whether this is a training step.

    Returns:
        ``[b, ceil(h / strides), ceil(w / strides), c_out]`` in the compute dtype.
    """
    if isinstance(norm, FoldedNorm):
        kernel, shift = norm.kernel, as_float32(norm.shift)
    elif norm.uses_batch_statistics(training=training):
        outputs = convolve(inputs, kernel, kind=kind, strides=strides)
        return norm.normalize_batch(outputs, bias, activation)
    else:
        kernel, shift = fold(kernel, norm, kind=kind, bias=bias)
    outputs = convolve(inputs, kernel, kind=kind, strides=strides) + ops.cast(shift, inputs.dtype)
    if activation is None:
        return outputs
    return activate_lean(outputs, activation) if training else activate(outputs, activation)


def fold(kernel: Any, norm: BatchNorm, *, kind: ConvolutionKind, bias: Any | None = None) -> tuple[Any, Any]:
    """Return the kernel and the shift, float32, of the convolution that includes the norm's moving statistics."""
    scale, shift = norm.moving_affine()
    folded = as_float32(kernel) * (ops.reshape(scale, (1, 1, -1, 1)) if kind == "depthwise" else scale)
    return folded, shift if bias is None else shift + as_float32(bias) * scale


def convolve(inputs: Any, kernel: Any, *, kind: ConvolutionKind, strides: int = 1) -> Any:
    """Return the SAME convolution of ``[b, h, w, c]``; with stride 2 the extra pixel is at the bottom and right."""
    kernel = ops.cast(kernel, inputs.dtype)
    if kind == "depthwise":
        return ops.depthwise_conv(inputs, kernel, strides=strides, padding="same", data_format="channels_last")
    return ops.conv(inputs, kernel, strides=strides, padding="same", data_format="channels_last")


def batch_norms(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Return every batch norm of a model, those inside other layers included."""
    layers = model._flatten_layers()  # noqa: SLF001  Keras has no public walk over nested layers
    return [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]


def freeze_batch_norm(model: keras.Model) -> int:
    """Make every batch norm of ``model`` use and keep its moving statistics in training; return how many there are.

    Their gamma and beta are frozen with them. Undo with ``layer.trainable = True``.
    """
    norms = batch_norms(model)
    for norm in norms:
        norm.trainable = False
    return len(norms)
