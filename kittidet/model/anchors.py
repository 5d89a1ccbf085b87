"""The fixed boxes that every prediction is relative to, in NumPy: they depend only on the input size.

Knows sizes, scales and their order. Matching anchors is left to `training.targets`, applying offsets to
`box_coder`.
"""

import math

import numpy as np
import numpy.typing as npt

from kittidet.boxes import iou_xyxy
from kittidet.config import ModelConfig
from kittidet.model.scaling import ASPECT_RATIOS, NUM_SCALES, feature_sizes, variant_spec


def build_anchors(
    variant: str, *, input_hw: tuple[int, int], anchor_scale: float | None = None
) -> npt.NDArray[np.float32]:
    """Return all anchors ``[A, 4]`` float32, ``xyxy`` in input pixels, not clipped to the input.

    Order: levels from fine to coarse; within a level row by row; within a cell by size, then by shape.

    Args:
        variant: ``d0`` to ``d7x``, ``lite0`` to ``lite4``.
        input_hw: height and width of the network's input, pixels.
        anchor_scale: side of the smallest square anchor in cells; None: the variant's published one.

    Raises:
        ValueError: on an unknown variant, or if the size or the scale is not positive.

    Source:
        google/automl ``efficientdet/tf2/anchors.py``; ``tests/kittidet/model/test_anchors.py`` holds both equal, bit
        for bit.
    """
    spec = variant_spec(variant)
    scale = spec.anchor_scale if anchor_scale is None else anchor_scale
    if min(input_hw) < 1:
        raise ValueError(f"input_hw {input_hw!r}: expected (height, width), both at least 1 pixel")
    if scale <= 0:
        raise ValueError(f"anchor_scale {scale!r}: expected a positive number")
    return np.concatenate([_one_level(input_hw, level, scale) for level in spec.levels]).astype(np.float32)


def anchors_of(model: ModelConfig) -> npt.NDArray[np.float32]:
    """Return the anchors ``[A, 4]`` float32 ``xyxy`` input pixels of a detector's configuration."""
    return build_anchors(model.variant, input_hw=model.input_hw, anchor_scale=model.anchor_scale)


def anchor_coverage(
    boxes_xyxy: npt.NDArray[np.floating], anchors_xyxy: npt.NDArray[np.floating], *, min_iou: float
) -> npt.NDArray[np.bool_]:
    """Return ``[n]``, which boxes have an anchor that overlaps them by at least ``min_iou``.

    Args:
        boxes_xyxy: ``[n, 4]`` ground truth, input pixels.
        anchors_xyxy: ``[A, 4]``, input pixels.
        min_iou: the overlap at which an anchor is assigned a box without being forced.
    """
    return iou_xyxy(boxes_xyxy, anchors_xyxy).max(axis=1, initial=0.0) >= min_iou


def _one_level(input_hw: tuple[int, int], level: int, scale: float) -> npt.NDArray[np.float64]:
    rows, columns = feature_sizes(input_hw, level)[level]
    stride_y, stride_x = input_hw[0] / rows, input_hw[1] / columns
    center_y = np.arange(stride_y / 2, input_hw[0], stride_y)  # [rows]
    center_x = np.arange(stride_x / 2, input_hw[1], stride_x)  # [columns]
    half_w, half_h = [], []
    for octave in range(NUM_SCALES):
        side = 2 ** (octave / NUM_SCALES)
        for ratio in ASPECT_RATIOS:
            half_w.append(scale * stride_x * side * math.sqrt(ratio) / 2)
            half_h.append(scale * stride_y * side / math.sqrt(ratio) / 2)
    x = center_x[None, :, None]
    y = center_y[:, None, None]
    corners = np.broadcast_arrays(x - half_w, y - half_h, x + half_w, y + half_h)  # each [rows, columns, 9]
    return np.stack(corners, axis=-1).reshape(-1, 4)
