"""A feature map normalised by its own statistics and activated, in two forms with one meaning.

On a CPU, TensorFlow has one operation for it and one for its gradient; on large maps they take half the time of the
written-out form, and a step's graph is a third smaller. Elsewhere the form that is written out is used: compilers for
accelerators fuse it, and it runs on every backend. Sums are centred in both: uncentred ones lose precision where the
mean is large.

Where several devices share a batch (a replica context of TensorFlow's, with equal shares), the statistics are those of
the whole batch: devices add up their sums, in the gradient too.

Source:
    Ioffe and Szegedy 2015, section 3.
"""

from functools import cache
from typing import Any

import keras
from keras import ops

from kittidet.model.activation import RELU6_TOP, activate, after, swish_slope
from kittidet.model.scaling import Activation

Normalized = tuple[Any, Any, Any]


def normalize_by_own(
    inputs: Any,
    gamma: Any,
    beta: Any,
    bias: Any | None,
    moving: tuple[Any, Any],
    *,
    momentum: float,
    epsilon: float,
    activation: Activation | None,
) -> Normalized:
    """Return ``inputs + bias`` normalised by their own statistics, then activated, and the moved statistics.

    The bias changes only the moving mean: normalising removes it again, so it is never added to the map, and its
    gradient is 0.

    Args:
        inputs: ``[b, h, w, c]``.
        gamma: ``[c]`` float32.
        beta: ``[c]`` float32.
        bias: ``[c]`` float32, or None.
        moving: mean and unbiased variance so far, ``[c]`` float32.
        momentum: the share of them that stays.
        epsilon: added to the variance.
        activation: after the norm, or None.

    Returns:
        ``[b, h, w, c]``; the moving mean and the moving variance one step towards those of ``inputs + bias``.
    """
    is_alone = _count_replicas() == 1
    form = _fused if _has_fused_operation() and inputs.dtype == "float32" and is_alone else _written_out
    return form(inputs, gamma, beta, bias, moving, momentum, epsilon, activation)


@cache
def _has_fused_operation() -> bool:
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf  # noqa: PLC0415  not on the other backends

    return not tf.config.list_physical_devices("GPU") and not tf.config.list_physical_devices("TPU")


def _fused(
    inputs: Any,
    gamma: Any,
    beta: Any,
    bias: Any | None,
    moving: tuple[Any, Any],
    momentum: float,
    epsilon: float,
    activation: Activation | None,
) -> Normalized:
    import tensorflow as tf  # noqa: PLC0415  not on the other backends

    raw_ops = tf.raw_ops
    # As tensors: a variable would be read again at each use.
    gamma, beta, mean, variance = (tf.convert_to_tensor(v) for v in (gamma, beta, *moving))
    bias = None if bias is None else tf.convert_to_tensor(bias)
    normal, mean, variance, *saved = raw_ops.FusedBatchNormV3(
        x=ops.stop_gradient(inputs),
        scale=gamma,
        offset=beta,
        mean=mean if bias is None else mean - bias,
        variance=variance,
        epsilon=epsilon,
        exponential_avg_factor=1.0 - momentum,
    )

    @ops.custom_gradient
    def forward(inputs: Any, gamma: Any, beta: Any, *bias: Any) -> Any:
        outputs = normal if activation is None else activate(normal, activation)

        def backward(grad: Any) -> Any:
            if activation == "swish":
                # The normalised map is worked out again instead of kept.
                again, *_ = raw_ops.FusedBatchNormV3(
                    x=inputs,
                    scale=after(gamma, grad),
                    offset=beta,
                    mean=saved[0],
                    variance=saved[1],
                    epsilon=epsilon,
                    is_training=False,
                )
                grad = grad * swish_slope(again, outputs)
            elif activation is not None:
                grad = _through_relu6(grad, outputs)
            gradients = raw_ops.FusedBatchNormGradV3(
                y_backprop=grad,
                x=inputs,
                scale=gamma,
                reserve_space_1=saved[0],
                reserve_space_2=saved[1],
                reserve_space_3=saved[2],
                epsilon=epsilon,
            )
            return (*gradients[:3], *(ops.zeros_like(b) for b in bias))

        return outputs, backward

    biases = [] if bias is None else [bias]
    return forward(inputs, gamma, beta, *biases), mean if bias is None else mean + bias, variance


def _written_out(
    inputs: Any,
    gamma: Any,
    beta: Any,
    bias: Any | None,
    moving: tuple[Any, Any],
    momentum: float,
    epsilon: float,
    activation: Activation | None,
) -> Normalized:
    dtype = inputs.dtype
    # Read before devices meet: one may have moved them when another goes on.
    kept = (momentum * moving[0], momentum * moving[1])
    # Sums are float32 whatever the compute dtype.
    values = ops.stop_gradient(ops.cast(inputs, "float32"))
    mean = _mean_of_replicas(ops.mean(values, axis=(0, 1, 2)))
    difference = values - mean
    variance = _mean_of_replicas(ops.mean(ops.square(difference), axis=(0, 1, 2)))
    count = _values_per_channel(inputs)
    centred, inverse = ops.cast(difference, dtype), ops.rsqrt(variance + epsilon)
    moved = (
        kept[0] + (1.0 - momentum) * (mean if bias is None else mean + ops.stop_gradient(bias)),
        kept[1] + (1.0 - momentum) * (variance * _unbiasing(count * _count_replicas())),
    )

    # By hand: automatic differentiation, which treats mean and variance as two more functions of the map, makes about
    # half again as many passes over it.
    @ops.custom_gradient
    def forward(_: Any, gamma: Any, beta: Any, *bias: Any) -> Any:
        scale, shift = ops.cast(gamma * inverse, dtype), ops.cast(beta, dtype)
        normal = centred * scale + shift
        outputs = normal if activation is None else activate(normal, activation)

        def backward(*args: Any, upstream: Any = None) -> Any:
            grad = upstream if upstream is not None else args[0]
            if activation == "swish":
                grad = grad * swish_slope(centred * after(scale, grad) + shift, outputs)
            elif activation is not None:
                grad = _through_relu6(grad, outputs)
            sum_grad = ops.sum(ops.cast(grad, "float32"), axis=(0, 1, 2))
            grad_gamma = ops.sum(ops.cast(grad, "float32") * ops.cast(centred, "float32"), axis=(0, 1, 2)) * inverse
            # The gradient minus its mean and minus its projection on the normalised map.
            by_centred = ops.cast(-inverse * _mean_of_replicas(grad_gamma) / count, dtype)
            centred_grad = grad - ops.cast(_mean_of_replicas(sum_grad) / count, dtype)
            grad_x = (centred_grad + centred * by_centred) * scale
            return (grad_x, grad_gamma, sum_grad, *(ops.zeros_like(b) for b in bias))

        return outputs, backward

    return forward(inputs, gamma, beta, *([] if bias is None else [bias])), *moved


def _through_relu6(grad: Any, outputs: Any) -> Any:
    return grad * ops.cast(ops.logical_and(outputs > 0.0, outputs < RELU6_TOP), grad.dtype)


def _count_replicas() -> int:
    """Return how many devices share the batch whose maps are looked at."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf  # noqa: PLC0415  not on the other backends

    context = tf.distribute.get_replica_context()
    return 1 if context is None else int(context.num_replicas_in_sync)


def _mean_of_replicas(value: Any) -> Any:
    if _count_replicas() == 1:
        return value
    import tensorflow as tf  # noqa: PLC0415  not on the other backends

    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, value)


def _values_per_channel(maps: Any) -> Any:
    """Return how many values of ``[b, h, w, c]`` a channel has: a number, or an operation for unknown shapes."""
    count = 1
    for side in ops.shape(maps)[:3]:
        count = count * side
    return max(float(count), 1.0) if isinstance(count, int) else ops.cast(count, "float32")


def _unbiasing(count: Any) -> Any:
    """Return what a population variance of so many values is multiplied by."""
    return count / (max(count - 1.0, 1.0) if isinstance(count, float) else ops.maximum(count - 1.0, 1.0))
