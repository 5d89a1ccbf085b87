"""Convolution followed by batch norm, the unit that the whole detector is built from.

``normalized_convolution`` has two forms. With batch statistics it convolves, then normalises. With moving statistics
(inference, or a frozen batch norm in training) the normalisation is linear, so it is multiplied into the kernel, and
one pass over the feature map is saved in each direction.
"""

from typing import Any, Literal

import keras
from keras import ops

from kittidet.model.scaling import Activation

MOMENTUM = 0.99
EPSILON = 1e-3
RELU6_TOP = 6.0

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
        return scale, as_float32(self.beta) - as_float32(self.moving_mean) * scale

    def normalize_batch(self, inputs: Any, bias: Any | None = None, activation: Activation | None = None) -> Any:
        """Return ``inputs + bias`` ``[b, h, w, c]`` normalised by its own statistics, then activated.

        The moving statistics move a step towards them. Sums are float32 whatever the compute dtype. The bias changes
        only the moving mean: normalising removes it again, so it is never added to the map.
        """
        values = ops.stop_gradient(ops.cast(inputs, "float32"))
        mean = ops.mean(values, axis=(0, 1, 2))
        # Centred first, here and in the gradient: uncentred sums lose precision where the mean is large.
        centred = values - mean
        variance = ops.mean(ops.square(centred), axis=(0, 1, 2))
        count = _values_per_channel(inputs)
        unbiased = variance * _unbiasing(count)
        shift = mean if bias is None else mean + ops.stop_gradient(as_float32(bias))
        self.moving_mean.assign(self.momentum * self.moving_mean + (1.0 - self.momentum) * shift)
        self.moving_variance.assign(self.momentum * self.moving_variance + (1.0 - self.momentum) * unbiased)
        inverse = ops.rsqrt(variance + self.epsilon)
        return normalize_and_activate(
            inputs,
            as_float32(self.gamma),
            as_float32(self.beta),
            None if bias is None else as_float32(bias),
            ops.cast(centred, inputs.dtype),
            inverse,
            count,
            activation,
        )


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


def normalize_and_activate(
    inputs: Any,
    gamma: Any,
    beta: Any,
    bias: Any | None,
    centred: Any,
    inverse: Any,
    count: Any,
    activation: Activation | None,
) -> Any:
    """Return ``activation(centred * inverse * gamma + beta)``, with the gradient through mean and variance too.

    The gradient is written by hand because automatic differentiation, which treats mean and variance as two more
    functions of the map, makes about half again as many passes over the map.

    Args:
        inputs: ``[b, h, w, c]``.
        gamma: ``[c]`` float32.
        beta: ``[c]`` float32.
        bias: ``[c]`` float32, receives a gradient of zero; None: there is none.
        centred: ``inputs`` minus their mean over all but the last axis.
        inverse: ``[c]`` float32, one over their standard deviation.
        count: values per channel, float32.
        activation: after the norm, or None.

    Source:
        Ioffe and Szegedy 2015, section 3.
    """
    dtype = inputs.dtype

    @ops.custom_gradient
    def forward(_: Any, gamma: Any, beta: Any, *bias: Any) -> Any:
        scale, shift = ops.cast(gamma * inverse, dtype), ops.cast(beta, dtype)
        normal = centred * scale + shift
        outputs = normal if activation is None else activate(normal, activation)

        def backward(*args: Any, upstream: Any = None) -> Any:
            grad = upstream if upstream is not None else args[0]
            if activation == "swish":
                grad = grad * _swish_slope(outputs, centred, scale, shift, grad)
            elif activation is not None:
                grad = grad * ops.cast(ops.logical_and(outputs > 0.0, outputs < RELU6_TOP), dtype)
            sum_grad = ops.sum(ops.cast(grad, "float32"), axis=(0, 1, 2))
            grad_gamma = ops.sum(ops.cast(grad, "float32") * ops.cast(centred, "float32"), axis=(0, 1, 2)) * inverse
            # The gradient minus its mean and minus its projection on the normalised map.
            by_centred = ops.cast(-inverse * grad_gamma / count, dtype)
            centred_grad = grad - ops.cast(sum_grad / count, dtype)
            grad_x = (centred_grad + centred * by_centred) * scale
            return (grad_x, grad_gamma, sum_grad, *(ops.zeros_like(b) for b in bias))

        return outputs, backward

    return forward(inputs, gamma, beta, *([] if bias is None else [bias]))


def _values_per_channel(maps: Any) -> Any:
    """Return how many values of ``[b, h, w, c]`` a channel has: a number, or an operation for unknown shapes."""
    count = 1
    for side in ops.shape(maps)[:3]:
        count = count * side
    return max(float(count), 1.0) if isinstance(count, int) else ops.cast(count, "float32")


def _unbiasing(count: Any) -> Any:
    """Return what a population variance of so many values is multiplied by."""
    return count / (max(count - 1.0, 1.0) if isinstance(count, float) else ops.maximum(count - 1.0, 1.0))


def _swish_slope(outputs: Any, centred: Any, scale: Any, shift: Any, upstream: Any) -> Any:
    """Return swish's derivative where ``outputs`` is swish of ``centred * scale + shift``, ``[b, h, w, c]``.

    The sigmoid is recomputed instead of kept: one map less per convolution, a tenth of a step's memory. It must
    not run before the gradient arrives, nor be merged with the forward pass; so it depends on the gradient, and
    is a tanh.
    """
    arrived = 0.0 * upstream[0, 0, 0]  # [c]
    gate = 0.5 + 0.5 * ops.tanh(centred * (0.5 * scale + arrived) + 0.5 * shift)
    return gate + outputs * (1.0 - gate)


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
    return outputs if activation is None else activate(outputs, activation)


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


def activate(inputs: Any, activation: Activation) -> Any:
    """Return swish, ``x * sigmoid(x)``, or relu6 of ``inputs``."""
    return ops.silu(inputs) if activation == "swish" else ops.relu6(inputs)


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
