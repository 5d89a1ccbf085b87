"""Box codes as the network predicts them: an anchor's offset and log scale, and the way back to boxes.

The only place where a box is not ``xyxy``: a code is ``(ty, tx, th, tw)``, the reference's order, without scale
factors.
"""

from typing import Any

from keras import ops

# Sides shorter than this are raised to it, so that the logarithm stays finite.
MIN_SIDE_PX = 1e-8


def encode_boxes(boxes_xyxy: Any, anchors_xyxy: Any) -> Any:
    """Return codes ``[..., 4]`` float32 that turn each anchor into its box.

    ``ty = (yc - ya) / ha``, ``tx = (xc - xa) / wa``, ``th = ln(h / ha)``, ``tw = ln(w / wa)``.

    Args:
        boxes_xyxy: ``[..., 4]`` float32 pixels.
        anchors_xyxy: ``[..., 4]`` float32 pixels, broadcast against the boxes.

    Source:
        google/automl ``efficientdet/object_detection/faster_rcnn_box_coder.py``, without scale factors.
    """
    box_x, box_y, box_w, box_h = _center_size(boxes_xyxy)
    anchor_x, anchor_y, anchor_w, anchor_h = _center_size(anchors_xyxy)
    box_w, box_h = ops.maximum(box_w, MIN_SIDE_PX), ops.maximum(box_h, MIN_SIDE_PX)
    anchor_w, anchor_h = ops.maximum(anchor_w, MIN_SIDE_PX), ops.maximum(anchor_h, MIN_SIDE_PX)
    codes = [
        (box_y - anchor_y) / anchor_h,
        (box_x - anchor_x) / anchor_w,
        ops.log(box_h / anchor_h),
        ops.log(box_w / anchor_w),
    ]
    return ops.stack(codes, axis=-1)


def decode_boxes(codes: Any, anchors_xyxy: Any) -> Any:
    """Return the boxes ``[..., 4]`` float32 ``xyxy`` pixels of codes and their anchors; the inverse of `encode_boxes`.

    Args:
        codes: ``[..., 4]`` float32 ``(ty, tx, th, tw)``.
        anchors_xyxy: ``[..., 4]`` float32 pixels, broadcast against the codes.
    """
    ty, tx, th, tw = (codes[..., i] for i in range(4))
    left, top, right, bottom = (anchors_xyxy[..., i] for i in range(4))
    anchor_w, anchor_h = right - left, bottom - top
    half_w, half_h = ops.exp(tw) * anchor_w / 2, ops.exp(th) * anchor_h / 2
    center_x, center_y = tx * anchor_w + (left + right) / 2, ty * anchor_h + (top + bottom) / 2
    return ops.stack([center_x - half_w, center_y - half_h, center_x + half_w, center_y + half_h], axis=-1)


def _center_size(xyxy: Any) -> tuple[Any, Any, Any, Any]:
    # The reference's order of operations: whether a code is exactly 0 decides if the Huber loss counts it.
    left, top, right, bottom = (xyxy[..., i] for i in range(4))
    width, height = right - left, bottom - top
    return left + width / 2, top + height / 2, width, height
