"""Assigns targets to anchors: ground truth matched to anchors by overlap, with explicit masks.

``is_positive`` marks anchors that learn a box, ``is_ignored`` those left out of the class loss; no number has a
second meaning. Its IoU is the Keras twin of `kittidet.boxes.iou_xyxy`; a test holds the two equal.
"""

from dataclasses import dataclass
from typing import Any

from keras import ops

from kittidet.model.box_coder import encode_boxes

# An anchor with at least this IoU learns the box; below, it is background: as in the reference, no band in between.
POSITIVE_IOU = 0.5
# An anchor with more than this share of its area inside one DontCare region is no example of background.
IGNORED_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Targets:
    """The targets of all anchors of a batch; ``b`` images, ``A`` anchors.

    Attributes:
        is_positive: ``[b, A]`` bool, the anchor has an object.
        is_ignored: ``[b, A]`` bool, the anchor is left out of the class loss, never positive; or ``[b, A, K]``, it is
            left out of the loss of a class, never of its own.
        class_ids: ``[b, A]`` int32, 1-based class of a positive anchor, 0 elsewhere.
        box_codes: ``[b, A, 4]`` float32 ``(ty, tx, th, tw)`` of a positive anchor, 0 elsewhere.
        num_positives: ``[b]`` float32, positive anchors of each image.
    """

    is_positive: Any
    is_ignored: Any
    class_ids: Any
    box_codes: Any
    num_positives: Any


def assign_targets(
    boxes_xyxy: Any,
    class_ids: Any,
    anchors_xyxy: Any,
    *,
    dont_care_xyxy: Any | None = None,
    dont_care_class_ids: Any | None = None,
    num_classes: int = 0,
) -> Targets:
    """Return the targets of every anchor.

    An anchor takes the box it overlaps most (on ties, the first) if the IoU is at least 0.5. Then every box also
    takes the anchor that overlaps it most (on ties, the first), whatever the IoU and whatever that anchor had; if
    several boxes compete for an anchor, the first gets it. A box that no anchor touches gets none.

    Args:
        boxes_xyxy: ``[b, n, 4]`` float32 ground truth, input pixels.
        class_ids: ``[b, n]`` int, 1-based; 0 marks padding.
        anchors_xyxy: ``[A, 4]`` float32, input pixels.
        dont_care_xyxy: ``[b, m, 4]`` float32 regions without labels, input pixels; boxes without area are padding.
        dont_care_class_ids: ``[b, m]`` int, the only class that a region is of, 0: of all; None: all are of all.
        num_classes: where some are of one class.

    Source:
        google/automl ``efficientdet/tf2/anchors.py`` and ``object_detection/argmax_matcher.py``. The DontCare rule is
        this project's own: the reference trains those regions as background.
    """
    anchors_xyxy = ops.convert_to_tensor(anchors_xyxy, dtype="float32")
    boxes_xyxy = ops.cast(boxes_xyxy, "float32")
    class_ids = ops.cast(class_ids, "int32")
    num_anchors, num_boxes = anchors_xyxy.shape[0], boxes_xyxy.shape[1]
    is_box = class_ids > 0  # [b, n]
    if num_boxes == 0:
        # Nothing to take a maximum over; one row of padding is equivalent.
        boxes_xyxy = ops.pad(boxes_xyxy, [[0, 0], [0, 1], [0, 0]])
        class_ids, is_box = ops.pad(class_ids, [[0, 0], [0, 1]]), ops.pad(is_box, [[0, 0], [0, 1]])

    iou = ops.where(is_box[..., None], pairwise_iou(boxes_xyxy, anchors_xyxy), 0.0)  # [b, n, A]
    best_iou, best_box = ops.max(iou, axis=1), ops.argmax(iou, axis=1)  # [b, A]
    best_anchor = ops.where(ops.max(iou, axis=2) > 0, ops.argmax(iou, axis=2), -1)  # [b, n]
    takes = ops.equal(best_anchor[..., None], ops.arange(num_anchors, dtype=best_anchor.dtype))  # [b, n, A]
    is_forced = ops.any(takes, axis=1)  # [b, A]
    # argmax over booleans finds the first True: the first of the boxes competing for the anchor.
    matched_box = ops.where(is_forced, ops.argmax(ops.cast(takes, "int32"), axis=1), best_box)
    is_positive = ops.logical_or(is_forced, best_iou >= POSITIVE_IOU)

    matched_xyxy = ops.take_along_axis(boxes_xyxy, matched_box[..., None], axis=1)  # [b, A, 4]
    matched_class = ops.take_along_axis(class_ids, matched_box, axis=1)  # [b, A]
    codes = encode_boxes(matched_xyxy, anchors_xyxy)
    own_class = ops.where(is_positive, matched_class, 0)
    if dont_care_xyxy is None or dont_care_xyxy.shape[1] == 0:
        is_ignored = ops.zeros_like(is_positive)
    elif dont_care_class_ids is None:
        is_ignored = _inside_dont_care(dont_care_xyxy, anchors_xyxy, is_positive)
    else:
        is_ignored = _inside_by_class(dont_care_xyxy, dont_care_class_ids, anchors_xyxy, own_class, num_classes)
    return Targets(
        is_positive=is_positive,
        is_ignored=is_ignored,
        class_ids=own_class,
        box_codes=ops.where(is_positive[..., None], codes, 0.0),
        num_positives=ops.sum(ops.cast(is_positive, "float32"), axis=1),
    )


def pairwise_iou(boxes_xyxy: Any, anchors_xyxy: Any) -> Any:
    """Return intersection over union ``[b, n, A]`` of boxes ``[b, n, 4]`` and anchors ``[A, 4]``; 0 without overlap."""
    inter = _pairwise_intersection(boxes_xyxy, anchors_xyxy)
    union = _area(boxes_xyxy)[..., None] + _area(anchors_xyxy) - inter
    return ops.where(inter > 0, inter / ops.where(inter > 0, union, 1.0), 0.0)


def _inside_dont_care(dont_care_xyxy: Any, anchors_xyxy: Any, is_positive: Any) -> Any:
    covered = ops.any(_is_inside(dont_care_xyxy, anchors_xyxy), axis=1)  # [b, A]
    return ops.logical_and(covered, ops.logical_not(is_positive))


def _inside_by_class(
    dont_care_xyxy: Any, dont_care_class_ids: Any, anchors_xyxy: Any, own_class: Any, num_classes: int
) -> Any:
    """Return ``[b, A, K]`` whether an anchor is in a region of a class; one with an object alone of its own class."""
    is_inside = _is_inside(dont_care_xyxy, anchors_xyxy)  # [b, m, A]
    of_all = ops.logical_and(ops.equal(dont_care_class_ids, 0)[..., None], is_inside)
    of_all = ops.logical_and(ops.any(of_all, axis=1), ops.equal(own_class, 0))  # [b, A]
    classes = ops.arange(1, num_classes + 1, dtype="int32")
    region_of = ops.equal(ops.cast(dont_care_class_ids, "int32")[..., None], classes)  # [b, m, K]
    # How many regions of the class an anchor is in: a product of matrices, so that no [b, m, A, K] is in memory.
    count = ops.matmul(ops.transpose(ops.cast(is_inside, "float32"), (0, 2, 1)), ops.cast(region_of, "float32"))
    of_class = ops.logical_and(count > 0, ops.not_equal(own_class[..., None], classes))
    return ops.logical_or(of_all[..., None], of_class)


def _is_inside(dont_care_xyxy: Any, anchors_xyxy: Any) -> Any:
    inter = _pairwise_intersection(ops.cast(dont_care_xyxy, "float32"), anchors_xyxy)
    return inter > IGNORED_SHARE * _area(anchors_xyxy)  # [b, m, A]


def _pairwise_intersection(boxes_xyxy: Any, anchors_xyxy: Any) -> Any:
    # Anchors last and one plane per coordinate: the long axis is contiguous, which on a CPU is several times faster
    # than [.., .., 4] arithmetic.
    left, top, right, bottom = (boxes_xyxy[..., i, None] for i in range(4))  # [b, n, 1]
    a_left, a_top, a_right, a_bottom = (anchors_xyxy[:, i] for i in range(4))  # [A]
    width = ops.maximum(ops.minimum(right, a_right) - ops.maximum(left, a_left), 0.0)
    height = ops.maximum(ops.minimum(bottom, a_bottom) - ops.maximum(top, a_top), 0.0)
    return width * height


def _area(xyxy: Any) -> Any:
    width = ops.maximum(xyxy[..., 2] - xyxy[..., 0], 0.0)
    return width * ops.maximum(xyxy[..., 3] - xyxy[..., 1], 0.0)
