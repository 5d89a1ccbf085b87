"""Into the canvas and the exact way back, as arithmetic on sizes and boxes; pixels are moved by `picture`.

The image is scaled to fit, truncated to whole pixels, and placed at the top left; the rest of the canvas is padding.
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


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a frame lies in a canvas: ``canvas = original * scale + offset``, per axis.

    Attributes:
        scale_xy: canvas pixels per original pixel.
        offset_xy: canvas pixels; 0 for the evaluation letterbox, negative where a training crop cuts.
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
        """Return boxes ``[n, 4]`` in canvas pixels from boxes in pixels of the original image; float dtype is kept."""
        return (xyxy * np.tile(self.scale_xy, 2) + np.tile(self.offset_xy, 2)).astype(xyxy.dtype)

    def to_original(self, xyxy: FloatArray) -> FloatArray:
        """Return boxes ``[n, 4]`` in pixels of the original image from boxes in canvas pixels; float dtype is kept."""
        return ((xyxy - np.tile(self.offset_xy, 2)) / np.tile(self.scale_xy, 2)).astype(xyxy.dtype)


def fit_letterbox(size_wh: tuple[int, int], input_hw: tuple[int, int]) -> Letterbox:
    """Return the letterbox that shows the whole frame as large as the canvas allows.

    Raises:
        ValueError: if a size is not positive.
    """
    width, height = size_wh
    resized_h, resized_w = resized_hw(size_wh, input_hw)
    return Letterbox((resized_w / width, resized_h / height), (0.0, 0.0))


def resized_hw(size_wh: tuple[int, int], input_hw: tuple[int, int]) -> tuple[int, int]:
    """Return height and width, in whole pixels, of a frame scaled to fit a canvas; at least 1.

    Raises:
        ValueError: if a size is not positive.
    """
    if min(*size_wh, *input_hw) < 1:
        raise ValueError(f"letterbox: expected positive sizes, got image {size_wh} (w, h), canvas {input_hw} (h, w)")
    resized_h, resized_w = fit_whole_pixels(*size_wh, *input_hw, minimum=min)
    return max(1, resized_h), max(1, resized_w)


def fit_whole_pixels(
    width: Any, height: Any, canvas_h: Any, canvas_w: Any, *, minimum: Callable[[Any, Any], Any]
) -> tuple[Any, Any]:
    """Return height and width of the fitted frame, for Python integers and for integer tensors alike.

    Integer arithmetic: 1241 pixels scaled to 640 are 640, which ``int(1241 * (640 / 1241))`` makes 639. The reference
    computes in float32, which is right for 1241 and, on canvases no model uses, a pixel short for other sizes.

    Args:
        width: of the frame, pixels.
        height: of the frame, pixels.
        canvas_h: pixels.
        canvas_w: pixels.
        minimum: ``min`` or ``tf.minimum``.
    """
    return minimum(canvas_h, height * canvas_w // width), minimum(canvas_w, width * canvas_h // height)
