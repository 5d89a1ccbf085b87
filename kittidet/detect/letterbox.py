"""Into the network input and the exact way back, as arithmetic on sizes and boxes; pixels are moved by `preprocess`.

The image is scaled to fit, truncated to whole pixels, and placed at the top left; the rest of the input is padding.
Truncation makes the two axes' scales differ a little, so both are kept: with one scale for both, a box at the bottom
of a 375-pixel frame comes back 1.4 pixels too high.

Source:
    google/automl efficientdet/dataloader.py: truncation of the scaled size, top-left placement. It returns one
    scale; keeping two is this project's correction.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from kittidet.arrays import FloatArray
from kittidet.boxes import clip_xyxy
from kittidet.frame import Detections


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where an image is in a network input: ``input = original * scale + offset``, per axis.

    Attributes:
        scale_xy: input pixels per original pixel.
        offset_xy: input pixels; 0 for the evaluation letterbox, negative where a training crop cuts.
    """

    scale_xy: tuple[float, float]
    offset_xy: tuple[float, float]

    @classmethod
    def from_row(cls, row: npt.ArrayLike) -> Self:
        """Return the letterbox of one row ``(scale_x, scale_y, offset_x, offset_y)`` of a batch.

        Raises:
            ValueError: if there are not four finite numbers with positive scales.
        """
        values = np.asarray(row, dtype=np.float64)
        if values.shape != (4,) or not np.isfinite(values).all() or (values[:2] <= 0).any():
            raise ValueError(f"letterbox row: expected scale_x, scale_y > 0, offset_x, offset_y, got {row!r}")
        scale_x, scale_y, offset_x, offset_y = values.tolist()
        return cls((scale_x, scale_y), (offset_x, offset_y))

    @property
    def row(self) -> npt.NDArray[np.float32]:
        """``(scale_x, scale_y, offset_x, offset_y)`` float32, as batches carry it."""
        return np.array([*self.scale_xy, *self.offset_xy], dtype=np.float32)

    def to_input(self, xyxy: FloatArray) -> FloatArray:
        """Return boxes ``[n, 4]`` in input pixels from boxes in pixels of the original image; float dtype is kept."""
        return (xyxy * np.tile(self.scale_xy, 2) + np.tile(self.offset_xy, 2)).astype(xyxy.dtype)

    def to_original(self, xyxy: FloatArray) -> FloatArray:
        """Return boxes ``[n, 4]`` in pixels of the original image from boxes in input pixels; float dtype is kept."""
        return ((xyxy - np.tile(self.offset_xy, 2)) / np.tile(self.scale_xy, 2)).astype(xyxy.dtype)


def to_original(
    frame_id: str,
    xyxy: FloatArray,
    scores: FloatArray,
    class_ids: npt.NDArray[np.integer],
    *,
    letterbox: Letterbox,
    size_wh: tuple[int, int],
) -> Detections:
    """Return detections in pixels of the original image, clipped to it, without those entirely in the padding.

    Args:
        frame_id: names the image.
        xyxy: ``[n, 4]`` input pixels.
        scores: ``[n]`` 0..1.
        class_ids: ``[n]`` 1-based.
        letterbox: where the image is in the input.
        size_wh: of the image, pixels.
    """
    clipped = clip_xyxy(letterbox.to_original(xyxy), size_wh)
    real = (clipped[:, 2:] > clipped[:, :2]).all(axis=1)
    return Detections(
        frame_id,
        clipped[real].astype(np.float32),
        scores[real].astype(np.float32),
        class_ids[real].astype(np.int32),
    )


def fit_letterbox(size_wh: tuple[int, int], input_hw: tuple[int, int]) -> Letterbox:
    """Return the letterbox that shows the whole image as large as the input allows.

    Raises:
        ValueError: if a size is not positive.
    """
    width, height = size_wh
    resized_h, resized_w = resized_hw(size_wh, input_hw)
    return Letterbox((resized_w / width, resized_h / height), (0.0, 0.0))


def resized_hw(size_wh: tuple[int, int], input_hw: tuple[int, int]) -> tuple[int, int]:
    """Return height and width, in whole pixels, of an image scaled to fit an input size; at least 1.

    Raises:
        ValueError: if a size is not positive.
    """
    if min(*size_wh, *input_hw) < 1:
        raise ValueError(f"letterbox: expected positive sizes, got image {size_wh} (w, h), input {input_hw} (h, w)")
    resized_h, resized_w = fit_whole_pixels(*size_wh, *input_hw, minimum=min)
    return max(1, resized_h), max(1, resized_w)


def fit_whole_pixels(
    width: Any, height: Any, input_h: Any, input_w: Any, *, minimum: Callable[[Any, Any], Any]
) -> tuple[Any, Any]:
    """Return height and width of the fitted image, for Python integers and for integer tensors alike.

    Integer arithmetic: 1241 pixels scaled to 640 are 640, which ``int(1241 * (640 / 1241))`` makes 639. The reference
    computes in float32, which is right for 1241 and, at input sizes no model uses, a pixel short for other sizes.

    Args:
        width: of the image, pixels.
        height: of the image, pixels.
        input_h: pixels.
        input_w: pixels.
        minimum: ``min`` or ``tf.minimum``.
    """
    return minimum(input_h, height * input_w // width), minimum(input_w, width * input_h // height)
