"""The drawing surface: an RGB image and a matching map of object numbers, both at twice the final resolution.

Painting is back to front, so the number map holds the nearest object at each pixel. Painting an object between
``begin`` and ``end`` also yields its whole silhouette, before anything nearer hides part of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from kittidet.arrays import FloatArray
from kittidet.synthetic.camera import NEAR_M, Camera, clip_near

Colour = tuple[int, int, int]

OVERSAMPLING = 2  # painted pixels per final pixel and side: smooth edges after averaging
SCENERY = 0  # the number of everything that has no label
MAX_OBJECTS = 255
_FAR_PX = 30000  # coordinates are clipped to this before rasterising


@dataclass(frozen=True, slots=True)
class Silhouette:
    """What one object covers.

    Attributes:
        xyxy: its bounding box, pixels of the final image, not clipped.
        painted: its painted pixels inside the image, hidden or not.
    """

    xyxy: tuple[float, float, float, float]
    painted: int


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Return ``a`` with ``share`` (0..1) of ``b`` mixed in."""
    return (
        round(a[0] + (b[0] - a[0]) * share),
        round(a[1] + (b[1] - a[1]) * share),
        round(a[2] + (b[2] - a[2]) * share),
    )


def scaled(colour: Colour, factor: float) -> Colour:
    """Return the colour made brighter or darker, within 0..255."""
    return (
        min(255, max(0, round(colour[0] * factor))),
        min(255, max(0, round(colour[1] * factor))),
        min(255, max(0, round(colour[2] * factor))),
    )


class Canvas:
    """An image being painted, with its number map.

    Args:
        camera: the projection.
        background: uint8 ``[height, width, 3]``, the image before any object.
    """

    def __init__(self, camera: Camera, background: npt.NDArray[np.uint8]) -> None:
        width, height = camera.size_wh
        self.camera = camera
        self._wh = (width * OVERSAMPLING, height * OVERSAMPLING)
        self._rgb = Image.fromarray(background).resize(self._wh, Image.Resampling.NEAREST)
        self._ids = Image.new("L", self._wh, SCENERY)
        self._draw_rgb = ImageDraw.Draw(self._rgb)
        self._draw_ids = ImageDraw.Draw(self._ids)
        self._haze: tuple[Colour, float] = ((0, 0, 0), 0.0)
        self._id = SCENERY
        self._bounds = [inf, inf, -inf, -inf]

    def begin(self, number: int, *, haze: Colour = (0, 0, 0), haze_share: float = 0.0) -> None:
        """Start an object: what follows gets its number and fades into the haze by the given share."""
        self._id = number
        self._haze = (haze, haze_share)
        self._bounds = [inf, inf, -inf, -inf]

    def end(self) -> Silhouette:
        """Return what was painted since ``begin``."""
        x1, y1, x2, y2 = self._bounds
        scale = 1 / OVERSAMPLING
        if not x1 <= x2:
            return Silhouette((0.0, 0.0, 0.0, 0.0), 0)
        left, top = max(0, int(x1)), max(0, int(y1))
        right, bottom = min(self._wh[0], int(x2) + 1), min(self._wh[1], int(y2) + 1)
        painted = 0
        if right > left and bottom > top:
            painted = self._ids.crop((left, top, right, bottom)).histogram()[self._id]
        return Silhouette((x1 * scale, y1 * scale, x2 * scale, y2 * scale), painted)

    def visible(self) -> list[int]:
        """Return how many painted pixels each number 0..255 has now."""
        return self._ids.histogram()

    def polygon(self, points_px: Sequence[Sequence[float]], colour: Colour) -> None:
        """Fill a polygon given in final-image pixels."""
        xy = [(round(x * OVERSAMPLING), round(y * OVERSAMPLING)) for x, y in points_px]
        xs, ys = zip(*xy, strict=True)
        x1, y1, x2, y2 = min(xs), min(ys), max(xs), max(ys)
        self._grow(x1, y1, x2, y2)
        if x2 < 0 or y2 < 0 or x1 > self._wh[0] or y1 > self._wh[1]:
            return
        if x1 < -_FAR_PX or y1 < -_FAR_PX or x2 > _FAR_PX or y2 > _FAR_PX:
            xy = [(min(max(x, -_FAR_PX), _FAR_PX), min(max(y, -_FAR_PX), _FAR_PX)) for x, y in xy]
        self._draw_rgb.polygon(xy, fill=mix(colour, *self._haze))
        self._draw_ids.polygon(xy, fill=self._id)

    def polygon_xyz(self, points_xyz: FloatArray, colour: Colour) -> None:
        """Fill a polygon given in camera coordinates ``[n, 3]``; the part behind the camera is clipped."""
        if points_xyz[:, 2].min() < NEAR_M:
            points_xyz = clip_near(points_xyz)
            if len(points_xyz) < 3:
                return
        self.polygon(self.camera.project(points_xyz).tolist(), colour)

    def disc(self, centre_px: tuple[float, float], radius_xy: tuple[float, float], colour: Colour) -> None:
        """Fill an ellipse with upright axes."""
        x1, x2 = (round((centre_px[0] + s * radius_xy[0]) * OVERSAMPLING) for s in (-1, 1))
        y1, y2 = (round((centre_px[1] + s * radius_xy[1]) * OVERSAMPLING) for s in (-1, 1))
        self._grow(x1, y1, x2, y2)
        self._draw_rgb.ellipse((x1, y1, x2, y2), fill=mix(colour, *self._haze))
        self._draw_ids.ellipse((x1, y1, x2, y2), fill=self._id)

    def sprite(self, picture: Image.Image, mask: Image.Image, xyxy: tuple[float, float, float, float]) -> None:
        """Paste an RGB image stretched to a box in final-image pixels; the number is set where the mask is."""
        x1, y1, x2, y2 = (round(v * OVERSAMPLING) for v in xyxy)
        left, top, right, bottom = max(x1, 0), max(y1, 0), min(x2, self._wh[0]), min(y2, self._wh[1])
        if right <= left or bottom <= top:
            return
        sx, sy = picture.width / (x2 - x1), picture.height / (y2 - y1)
        source = ((left - x1) * sx, (top - y1) * sy, (right - x1) * sx, (bottom - y1) * sy)
        size = (right - left, bottom - top)
        patch = picture.resize(size, Image.Resampling.NEAREST, box=source)
        cut = mask.resize(size, Image.Resampling.NEAREST, box=source)
        if self._haze[1] > 0.02:
            patch = Image.blend(patch, Image.new("RGB", size, self._haze[0]), self._haze[1])
        self._rgb.paste(patch, (left, top), cut)
        self._ids.paste(self._id, (left, top), cut)
        self._grow(x1, y1, x2, y2)

    def finished(self) -> npt.NDArray[np.uint8]:
        """Return the image uint8 ``[height, width, 3]`` at final resolution."""
        return np.asarray(self._rgb.reduce(OVERSAMPLING))

    def numbers(self) -> npt.NDArray[np.uint8]:
        """Return the number map uint8 ``[2 * height, 2 * width]``."""
        return np.asarray(self._ids)

    def _grow(self, x1: int, y1: int, x2: int, y2: int) -> None:
        b = self._bounds
        self._bounds = [min(b[0], x1), min(b[1], y1), max(b[2], x2), max(b[3], y2)]
