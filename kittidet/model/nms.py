"""Non-maximum suppression, soft or hard, for a whole batch: one greedy loop in ``keras.ops``.

It runs eagerly, in a traced or exported graph, and on any backend. Suppression within classes needs no loop over
classes: taking the best candidate overall and weakening only its own class visits every class in its own order.
"""

from typing import Any, Literal

from keras import ops

NmsMethod = Literal["soft", "hard"]

# Source: google/automl efficientdet/hparams_config.py.
IOU_THRESHOLD = 0.5
SOFT_SIGMA = 0.5


def select_greedily(
    boxes_xyxy: Any,
    scores: Any,
    class_ids: Any,
    *,
    method: NmsMethod,
    per_class: bool,
    max_detections: int,
    score_threshold: float,
) -> tuple[Any, Any, Any]:
    """Return which candidates are kept, best first: indices ``[b, max_detections]``, scores, and how many are valid.

    Args:
        boxes_xyxy: ``[b, n, 4]`` float32 candidates.
        scores: ``[b, n]`` float32, 0..1.
        class_ids: ``[b, n]`` int.
        method: ``soft`` multiplies the scores of boxes that overlap a taken one by ``exp(-iou**2 / SOFT_SIGMA)``;
            ``hard`` drops those that overlap it by more than ``IOU_THRESHOLD``.
        per_class: boxes of different classes do not suppress each other.
        max_detections: length of the result.
        score_threshold: 0 or more; candidates must score above it (after weakening) to be taken.

    Returns:
        ``(index [b, m] int32, score [b, m] float32, num_valid [b] int32)``; rows after the last valid one are 0.

    Raises:
        ValueError: if the method is unknown.

    Source:
        Bodla et al., "Soft-NMS", 2017; TensorFlow's NonMaxSuppressionV5 with ``soft_nms_sigma = sigma / 2``.
    """
    if method not in {"soft", "hard"}:
        raise ValueError(f"nms {method!r}: expected soft or hard")
    left, top, right, bottom = (boxes_xyxy[..., i] for i in range(4))  # each [b, n]
    area = ops.maximum(right - left, 0.0) * ops.maximum(bottom - top, 0.0)
    places = ops.arange(scores.shape[1], dtype="int32")
    slots = ops.arange(max_detections, dtype="int32")

    def has_more(turn: Any, remaining: Any, *_: Any) -> Any:
        return ops.logical_and(turn < max_detections, ops.any(remaining > score_threshold))

    def take_best(turn: Any, remaining: Any, taken: Any, taken_scores: Any) -> tuple[Any, Any, Any, Any]:
        best = ops.cast(ops.argmax(remaining, axis=1), "int32")[:, None]  # [b, 1]

        def of_best(plane: Any) -> Any:
            return ops.take_along_axis(plane, best, axis=1)  # [b, 1]

        best_score = of_best(remaining)
        width = ops.minimum(right, of_best(right)) - ops.maximum(left, of_best(left))
        height = ops.minimum(bottom, of_best(bottom)) - ops.maximum(top, of_best(top))
        inter = ops.maximum(width, 0.0) * ops.maximum(height, 0.0)
        union = area + of_best(area) - inter
        iou = ops.where(inter > 0, inter / ops.where(inter > 0, union, 1.0), 0.0)
        if method == "soft":
            weakened = remaining * ops.exp(-iou * iou / SOFT_SIGMA)
        else:
            weakened = ops.where(iou > IOU_THRESHOLD, -1.0, remaining)
        if per_class:
            weakened = ops.where(ops.equal(class_ids, of_best(class_ids)), weakened, remaining)
        # -1 is below every threshold, and stays negative whatever it is multiplied by.
        remaining = ops.where(ops.equal(places, best), -1.0, weakened)
        is_here = ops.logical_and(ops.equal(slots, turn), best_score > score_threshold)  # [b, m]
        return (
            turn + 1,
            remaining,
            ops.where(is_here, best, taken),
            ops.where(is_here, best_score, taken_scores),
        )

    empty = ops.zeros_like(scores[:, :1]) + ops.zeros((1, max_detections), dtype="float32")  # [b, m]
    start = (ops.zeros((), dtype="int32"), scores, ops.cast(empty, "int32"), empty)
    _, _, taken, taken_scores = ops.while_loop(has_more, take_best, start)
    num_valid = ops.sum(ops.cast(taken_scores > 0, "int32"), axis=1)
    return taken, taken_scores, num_valid
