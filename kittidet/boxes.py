"""NumPy geometry on boxes: ``xyxy`` corners in pixels, any float dtype, shape ``[n, 4]``.

Areas and overlaps use real extents (no ``+1`` pixel). The Keras twin of ``iou_xyxy`` lives in ``train.targets``.
"""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]


def area_xyxy(xyxy: FloatArray) -> FloatArray:
    """Return areas ``[n]`` in square pixels; inverted boxes have area 0."""
    extent = np.clip(xyxy[..., 2:4] - xyxy[..., 0:2], 0, None)
    return extent[..., 0] * extent[..., 1]


def intersection_xyxy(a_xyxy: FloatArray, b_xyxy: FloatArray) -> FloatArray:
    """Return pairwise intersection areas ``[len(a), len(b)]`` in square pixels."""
    low = np.maximum(a_xyxy[:, None, 0:2], b_xyxy[None, :, 0:2])
    high = np.minimum(a_xyxy[:, None, 2:4], b_xyxy[None, :, 2:4])
    extent = np.clip(high - low, 0, None)
    return extent[..., 0] * extent[..., 1]


def iou_xyxy(a_xyxy: FloatArray, b_xyxy: FloatArray) -> FloatArray:
    """Return pairwise intersection over union ``[len(a), len(b)]``; 0 where the union is empty."""
    inter = intersection_xyxy(a_xyxy, b_xyxy)
    union = area_xyxy(a_xyxy)[:, None] + area_xyxy(b_xyxy)[None, :] - inter
    return np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)


def coverage_xyxy(a_xyxy: FloatArray, b_xyxy: FloatArray) -> FloatArray:
    """Return the share of each ``a`` that lies inside each ``b``, ``[len(a), len(b)]``, 0..1."""
    inter = intersection_xyxy(a_xyxy, b_xyxy)
    area = np.broadcast_to(area_xyxy(a_xyxy)[:, None], inter.shape)
    return np.divide(inter, area, out=np.zeros_like(inter), where=area > 0)


def clip_xyxy(xyxy: FloatArray, size_wh: tuple[int, int]) -> FloatArray:
    """Return the boxes clipped to the frame ``[0, width] x [0, height]``."""
    width, height = size_wh
    return np.clip(xyxy, 0, np.array([width, height, width, height], dtype=xyxy.dtype))
