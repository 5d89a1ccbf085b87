"""From raw network outputs to detections in input pixels, inside or outside a graph."""

from typing import Any

from keras import ops

from kittidet.config import EvalConfig, ModelConfig
from kittidet.model.anchors import anchors_of
from kittidet.model.box_coder import decode_boxes
from kittidet.model.nms import NmsMethod, select_greedily

# Source: google/automl efficientdet/tf2/postprocess.py and hparams_config.py.
MAX_CANDIDATES = 5000


def find_objects(network: Any, images: Any, *, model: ModelConfig, config: EvalConfig) -> dict[str, Any]:
    """Return what a network finds in normalised images ``[b, h, w, 3]``, as `decode_detections`."""
    return decode_detections(
        network(images, training=False),
        anchors_of(model),
        input_hw=model.input_hw,
        nms=config.nms,
        score_threshold=config.score_threshold,
        max_detections=config.max_detections,
    )


def decode_detections(
    outputs: dict[str, Any],
    anchors_xyxy: Any,
    *,
    input_hw: tuple[int, int],
    nms: NmsMethod,
    score_threshold: float,
    max_detections: int,
    per_class: bool = True,
    clip: bool = True,
    max_candidates: int | None = MAX_CANDIDATES,
) -> dict[str, Any]:
    """Return the detections of a batch, best first.

    The reference's two modes: evaluation is ``per_class=True, clip=False, max_candidates=5000``, serving
    ``per_class=False, clip=True, max_candidates=None``; with ``score_threshold`` 0.001 for ``soft`` and 0 for
    ``hard``. We clip in both: clipping a box to the frame can only improve its overlap with what is inside.

    Args:
        outputs: of the network: ``class_logits`` ``[b, A, K]``, ``box_codes`` ``[b, A, 4]``.
        anchors_xyxy: ``[A, 4]`` float32 input pixels.
        input_hw: height and width of the network's input, pixels; boxes are clipped to it.
        nms: ``soft`` or ``hard``, see `nms.select_greedily`.
        score_threshold: detections must score above it, 0 or more.
        max_detections: length of the result.
        per_class: boxes of different classes do not suppress each other.
        clip: whether boxes are clipped to the input, after suppression.
        max_candidates: how many (anchor, class) pairs with the highest scores enter suppression; None: every
            anchor once, with its best class.

    Returns:
        ``boxes_xyxy`` ``[b, max_detections, 4]`` float32 input pixels, ``scores`` ``[b, max_detections]`` float32,
        ``class_ids`` ``[b, max_detections]`` int32 1-based, ``num_valid`` ``[b]`` int32; 0 after the last valid row.

    Raises:
        ValueError: if the threshold is below 0, ``max_detections`` is below 1, or ``nms`` is unknown.
    """
    if score_threshold < 0 or max_detections < 1:
        raise ValueError(
            f"expected score_threshold >= 0 and max_detections >= 1, got {score_threshold}, {max_detections}"
        )
    boxes_xyxy, scores, class_ids = best_candidates(outputs, anchors_xyxy, max_candidates=max_candidates)
    taken, taken_scores, num_valid = select_greedily(
        boxes_xyxy,
        scores,
        class_ids,
        method=nms,
        per_class=per_class,
        max_detections=max_detections,
        score_threshold=score_threshold,
    )
    is_valid = taken_scores > 0  # [b, m]
    kept_xyxy = ops.take_along_axis(boxes_xyxy, taken[..., None], axis=1)
    if clip:
        height, width = input_hw
        limits = ops.convert_to_tensor([width, height, width, height], dtype="float32")
        kept_xyxy = ops.minimum(ops.maximum(kept_xyxy, 0.0), limits)
    return {
        "boxes_xyxy": ops.where(is_valid[..., None], kept_xyxy, 0.0),
        "scores": taken_scores,
        "class_ids": ops.where(is_valid, ops.take_along_axis(class_ids, taken, axis=1), 0),
        "num_valid": num_valid,
    }


def best_candidates(outputs: dict[str, Any], anchors_xyxy: Any, *, max_candidates: int | None) -> tuple[Any, Any, Any]:
    """Return boxes ``[b, n, 4]`` input pixels, scores ``[b, n]`` and 1-based class ids ``[b, n]`` before suppression.

    Args:
        outputs: of the network.
        anchors_xyxy: ``[A, 4]`` float32 input pixels.
        max_candidates: as in `decode_detections`.
    """
    logits = ops.cast(outputs["class_logits"], "float32")
    codes = ops.cast(outputs["box_codes"], "float32")
    anchors_xyxy = ops.convert_to_tensor(anchors_xyxy, dtype="float32")
    num_anchors, num_classes = logits.shape[1], logits.shape[2]
    if max_candidates is None:
        best_class = ops.cast(ops.argmax(logits, axis=2), "int32")  # [b, A]
        return decode_boxes(codes, anchors_xyxy), ops.sigmoid(ops.max(logits, axis=2)), best_class + 1
    count = min(max_candidates, num_anchors * num_classes)
    top_logits, place = ops.top_k(ops.reshape(logits, (-1, num_anchors * num_classes)), count)  # [b, n]
    place = ops.cast(place, "int32")
    anchor, class_index = place // num_classes, place % num_classes
    # Decode after selecting: of hundreds of thousands of pairs only these are needed.
    top_codes = ops.take_along_axis(codes, anchor[..., None], axis=1)
    return decode_boxes(top_codes, ops.take(anchors_xyxy, anchor, axis=0)), ops.sigmoid(top_logits), class_index + 1
