"""NumPy geometry on boxes: ``xyxy`` corners in pixels, any float dtype, last axis 4.

Areas and overlaps use real extents (no ``+1`` pixel). The Keras twin of ``iou_xyxy`` is in ``training.targets``.
"""

import numpy as np

from kittidet.arrays import FloatArray


def area_xyxy(xyxy: FloatArray) -> FloatArray:
    """Return areas ``[...]`` in square pixels; inverted boxes have area 0."""
    extent = np.clip(xyxy[..., 2:4] - xyxy[..., 0:2], 0, None)
    return extent[..., 0] * extent[..., 1]


def intersection_xyxy(a_xyxy: FloatArray, b_xyxy: FloatArray) -> FloatArray:
    """Return pairwise intersection areas ``[len(a), len(b)]`` in square pixels."""
    return _intersection(a_xyxy[:, None], b_xyxy[None])


def iou_xyxy(a_xyxy: FloatArray, b_xyxy: FloatArray) -> FloatArray:
    """Return pairwise intersection over union ``[len(a), len(b)]``; 0 where the union is empty."""
    return iou_of_pairs(a_xyxy[:, None], b_xyxy[None])


def coverage_xyxy(a_xyxy: FloatArray, b_xyxy: FloatArray) -> FloatArray:
    """Return the share of each ``a`` that lies inside each ``b``, ``[len(a), len(b)]``, 0..1."""
    return coverage_of_pairs(a_xyxy[:, None], b_xyxy[None])


def iou_of_pairs(a_xyxy: FloatArray, b_xyxy: FloatArray) -> FloatArray:
    """Return intersection over union ``[n]`` of ``n`` pairs of boxes (or of what broadcasts); 0 where it is empty."""
    inter = _intersection(a_xyxy, b_xyxy)
    return _share(inter, area_xyxy(a_xyxy) + area_xyxy(b_xyxy) - inter)


def coverage_of_pairs(a_xyxy: FloatArray, b_xyxy: FloatArray) -> FloatArray:
    """Return the share ``[n]`` of ``a`` that lies inside ``b``, of ``n`` pairs (or of what broadcasts), 0..1."""
    return _share(_intersection(a_xyxy, b_xyxy), area_xyxy(a_xyxy))


def clip_xyxy(xyxy: FloatArray, size_wh: tuple[int, int]) -> FloatArray:
    """Return the boxes clipped to the frame ``[0, width] x [0, height]``."""
    width, height = size_wh
    return np.clip(xyxy, 0, np.array([width, height, width, height], dtype=xyxy.dtype))


def _intersection(a_xyxy: FloatArray, b_xyxy: FloatArray) -> FloatArray:
    extent = np.clip(
        np.minimum(a_xyxy[..., 2:4], b_xyxy[..., 2:4]) - np.maximum(a_xyxy[..., 0:2], b_xyxy[..., 0:2]), 0, None
    )
    return extent[..., 0] * extent[..., 1]


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
