"""The losses of a batch: focal for classes, Huber (and optionally IoU) for boxes, L2 on kernels.

Each function returns a scalar float32 that is already normalised. The weights of the parts
belong to the model.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import keras
from keras import ops

from kittidet.model.box_coder import decode_boxes
from kittidet.training.targets import Targets


def normalizer_of(targets: Targets) -> Any:
    """Return the scalar that losses are divided by: positive anchors of the whole batch, plus one.

    Source:
        google/automl ``efficientdet/tf2/train_lib.py``: the sum over the batch, not the mean; the extra 1 keeps a batch
        without objects finite.
    """
    return ops.sum(targets.num_positives) + 1.0


def focal_loss(
    class_logits: Any, targets: Targets, *, normalizer: Any, alpha: float, gamma: float, label_smoothing: float
) -> Any:
    """Return the focal loss, summed over the anchors that are not ignored and all classes.

    Cross-entropy is taken on labels smoothed towards 0.5; the balance ``alpha`` and the modulator
    ``(1 - p_t) ** gamma`` use the unsmoothed ones.

    Args:
        class_logits: ``[b, A, K]`` float32.
        targets: what the anchors should predict.
        normalizer: the divisor of the sum.
        alpha: weight of positive entries; negative ones have ``1 - alpha``.
        gamma: strength of the modulator; 0 turns it off.
        label_smoothing: 0..1.

    Source:
        Lin et al., "Focal Loss for Dense Object Detection", 2017; smoothing as in google/automl ``FocalLoss``.
    """
    class_logits = ops.cast(class_logits, "float32")
    own_class = ops.arange(1, class_logits.shape[-1] + 1, dtype="int32")
    is_label = ops.equal(targets.class_ids[..., None], own_class)  # [b, A, K]
    counted = ops.cast(ops.logical_not(targets.is_ignored), "float32")
    if len(counted.shape) < len(is_label.shape):
        counted = counted[..., None]  # [b, A, 1]: of all classes
    half_smoothing = 0.5 * label_smoothing

    # The gradient is computed here by hand: the backward pass keeps one map of this size instead of eight,
    # which would be the largest tensors of a step with many classes.
    @ops.custom_gradient
    def forward(logits: Any) -> Any:
        turned = ops.where(is_label, -logits, logits)  # towards the wrong side
        plain_entropy = ops.softplus(turned)  # -log p_t
        # log(1 - p_t) is the difference, so the power is finite for every logit and every gamma.
        modulator = ops.exp(gamma * (turned - plain_entropy))
        weight = counted * ops.where(is_label, alpha, 1 - alpha) * modulator
        entropy = plain_entropy - half_smoothing * turned
        p_wrong = ops.sigmoid(turned)  # 1 - p_t
        slope = weight * (gamma * (1.0 - p_wrong) * entropy + p_wrong - half_smoothing)
        slope = ops.where(is_label, -slope, slope)

        def backward(*args: Any, upstream: Any = None) -> Any:
            return slope * (upstream if upstream is not None else args[0])

        return ops.sum(weight * entropy), backward

    return forward(class_logits) / normalizer


def huber_box_loss(box_codes: Any, targets: Targets, *, normalizer: Any, delta: float) -> Any:
    """Return the Huber loss over the coordinates of positive anchors, divided by four times the normaliser.

    As in the reference, a coordinate whose target is exactly 0 (box and anchor agree there) is not counted.

    Args:
        box_codes: ``[b, A, 4]`` float32 predicted codes.
        targets: what the anchors should predict.
        normalizer: positives of the batch, plus one.
        delta: the error at which the loss turns from quadratic to linear.

    Source:
        google/automl ``efficientdet/tf2/train_lib.py``, ``BoxLoss``.
    """
    error = ops.abs(ops.cast(box_codes, "float32") - targets.box_codes)
    huber = ops.where(error <= delta, 0.5 * error * error, delta * error - 0.5 * delta * delta)
    is_counted = ops.logical_and(targets.is_positive[..., None], ops.not_equal(targets.box_codes, 0.0))
    return ops.sum(ops.where(is_counted, huber, 0.0)) / (4 * normalizer)


def iou_box_loss(box_codes: Any, targets: Targets, anchors_xyxy: Any, *, normalizer: Any, kind: str) -> Any:
    """Return ``1 - GIoU`` or ``1 - CIoU`` over positive anchors, divided by four times the normaliser.

    Args:
        box_codes: ``[b, A, 4]`` float32 predicted codes.
        targets: what the anchors should predict.
        anchors_xyxy: ``[A, 4]`` float32 input pixels.
        normalizer: positives of the batch, plus one.
        kind: ``giou`` or ``ciou``.

    Raises:
        ValueError: if the kind is unknown.

    Source:
        Rezatofighi et al. 2019 (GIoU), Zheng et al. 2020 (CIoU); google/automl ``efficientdet/iou_utils.py``.
    """
    if kind not in {"giou", "ciou"}:
        raise ValueError(f"IoU loss {kind!r}: expected giou or ciou")
    # Codes of anchors without an object do not count in this loss; they are zeroed first, so that an exponential that
    # overflows there cannot turn into NaN in the gradient.
    codes = ops.where(targets.is_positive[..., None], ops.cast(box_codes, "float32"), 0.0)
    # The reference multiplies corner i of both boxes by "code i is not exactly 0"; codes are (y, x, h, w), corners
    # there (top, left, bottom, right). It matters only where a box agrees with its anchor to the last bit.
    counted = ops.cast(ops.not_equal(targets.box_codes, 0.0), "float32")
    counted = ops.stack([counted[..., i] for i in (1, 0, 3, 2)], axis=-1)
    predicted = decode_boxes(codes, anchors_xyxy) * counted
    wanted = decode_boxes(targets.box_codes, anchors_xyxy) * counted
    width, height = _wh(wanted)
    has_area = width * height > 0
    similarity = _giou(predicted, wanted) if kind == "giou" else _ciou(predicted, wanted)
    return ops.sum(ops.where(ops.logical_and(targets.is_positive, has_area), 1 - similarity, 0.0)) / (4 * normalizer)


def l2_loss(variables: Iterable[Any], *, weight: float) -> Any:
    """Return ``weight * sum(w**2) / 2`` over the kernels among ``variables``, not biases, norms or fusion weights.

    Args:
        variables: Keras variables; pass the trainable ones, so that frozen layers do not decay.
        weight: the strength.
    """
    return weight * _half_squares([ops.cast(v, "float32") for v in variables if is_kernel(v)])


def _half_squares(tensors: Sequence[Any]) -> Any:
    """Return half the sum of all squares; on TensorFlow, three operations a tensor with the gradient."""
    if not tensors:
        return ops.zeros((), "float32")
    if keras.backend.backend() != "tensorflow":
        return 0.5 * sum(ops.sum(ops.square(tensor)) for tensor in tensors)
    import tensorflow as tf  # noqa: PLC0415  not on the other backends

    return tf.add_n([tf.nn.l2_loss(tensor) for tensor in tensors])


def is_kernel(variable: Any) -> bool:
    """Return whether a Keras variable is the kernel of a convolution (depth-wise and point-wise ones included)."""
    return variable.name.endswith("kernel")


def _giou(a_xyxy: Any, b_xyxy: Any) -> Any:
    iou, union = _iou_union(a_xyxy, b_xyxy)
    hull_w, hull_h = _hull(a_xyxy, b_xyxy)
    hull = hull_w * hull_h
    return iou - _divide(hull - union, hull)


def _ciou(a_xyxy: Any, b_xyxy: Any) -> Any:
    iou, _ = _iou_union(a_xyxy, b_xyxy)
    hull_w, hull_h = _hull(a_xyxy, b_xyxy)
    shift_x = (a_xyxy[..., 0] + a_xyxy[..., 2] - b_xyxy[..., 0] - b_xyxy[..., 2]) / 2
    shift_y = (a_xyxy[..., 1] + a_xyxy[..., 3] - b_xyxy[..., 1] - b_xyxy[..., 3]) / 2
    distance = _divide(shift_x * shift_x + shift_y * shift_y, hull_w * hull_w + hull_h * hull_h)
    angle = ops.arctan(_divide(*_wh(a_xyxy))) - ops.arctan(_divide(*_wh(b_xyxy)))
    shape = 4 / math.pi**2 * angle * angle
    # The trade-off weight of the shape term is not learned (Zheng et al., equation 11): no gradient.
    balance = ops.stop_gradient(_divide(shape, 1 - iou + shape))
    return iou - distance - balance * shape


def _iou_union(a_xyxy: Any, b_xyxy: Any) -> tuple[Any, Any]:
    low = ops.maximum(a_xyxy[..., :2], b_xyxy[..., :2])
    high = ops.minimum(a_xyxy[..., 2:], b_xyxy[..., 2:])
    extent = ops.maximum(high - low, 0.0)
    inter = extent[..., 0] * extent[..., 1]
    a_w, a_h = _wh(a_xyxy)
    b_w, b_h = _wh(b_xyxy)
    union = a_w * a_h + b_w * b_h - inter
    return _divide(inter, union), union


def _hull(a_xyxy: Any, b_xyxy: Any) -> tuple[Any, Any]:
    low, high = ops.minimum(a_xyxy[..., :2], b_xyxy[..., :2]), ops.maximum(a_xyxy[..., 2:], b_xyxy[..., 2:])
    extent = ops.maximum(high - low, 0.0)
    return extent[..., 0], extent[..., 1]


def _wh(xyxy: Any) -> tuple[Any, Any]:
    return ops.maximum(xyxy[..., 2] - xyxy[..., 0], 0.0), ops.maximum(xyxy[..., 3] - xyxy[..., 1], 0.0)


def _divide(numerator: Any, denominator: Any) -> Any:
    # 0 where the divisor is 0, without NaN in the gradient either.
    is_safe = ops.not_equal(denominator, 0.0)
    return ops.where(is_safe, numerator / ops.where(is_safe, denominator, 1.0), 0.0)
