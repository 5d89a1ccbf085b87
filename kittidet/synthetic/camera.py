"""The virtual camera: a pinhole above a plane, with the calibration of KITTI's left colour camera.

Camera coordinates as in KITTI: x right, y down, z forward, metres. The ground is the plane ``y = height + slope * z``.
"""

from dataclasses import dataclass
from math import atan2, pi

import numpy as np

from kittidet.arrays import FloatArray

NEAR_M = 0.6  # nothing nearer than this is drawn

# Focal length and principal point of P2 by image size. Source: KITTI calibration files (object 2011_09_26 and _28,
# odometry sequences of 2011_09_29 and 2011_10_03).
_P2 = {
    (1242, 375): (721.5377, 609.5593, 172.8540),
    (1224, 370): (707.0493, 604.0814, 180.5066),
    (1238, 374): (718.3351, 600.3891, 181.5122),
    (1241, 376): (718.8560, 607.1928, 185.2157),
}


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera without translation or skew.

    Attributes:
        size_wh: image width and height, pixels.
        focal_px: focal length, pixels.
        centre_xy: principal point, pixels.
        height_m: camera above the ground at z = 0, metres.
        slope: metres that the ground falls per metre ahead.
    """

    size_wh: tuple[int, int]
    focal_px: float
    centre_xy: tuple[float, float]
    height_m: float = 1.65
    slope: float = 0.0

    @property
    def horizon_px(self) -> float:
        """The image row of the horizon, where the ground plane vanishes."""
        return self.centre_xy[1] + self.focal_px * self.slope

    def ground_y(self, z: float) -> float:
        """Return the camera-frame y of the ground at depth ``z``, metres."""
        return self.height_m + self.slope * z

    def project(self, points_xyz: FloatArray) -> FloatArray:
        """Return pixels ``[n, 2]`` of camera points ``[n, 3]`` (z > 0)."""
        scale = self.focal_px / points_xyz[:, 2]
        return np.stack([self.centre_xy[0] + points_xyz[:, 0] * scale, self.centre_xy[1] + points_xyz[:, 1] * scale], 1)


def camera_of(size_wh: tuple[int, int], *, height_m: float = 1.65, slope: float = 0.0) -> Camera:
    """Return the camera for an image size: KITTI's own if it is one of its four, else scaled by width."""
    if size_wh in _P2:
        focal, cx, cy = _P2[size_wh]
    else:
        width, height = size_wh
        focal, cx, cy = width * 721.5377 / 1242, width * 609.5593 / 1242, height * 172.8540 / 375
    return Camera(size_wh=size_wh, focal_px=focal, centre_xy=(cx, cy), height_m=height_m, slope=slope)


def clip_near(points_xyz: FloatArray) -> FloatArray:
    """Return the part of a polygon ``[n, 3]`` at or beyond the near plane; possibly empty.

    Source:
        Sutherland and Hodgman, Reentrant Polygon Clipping, 1974, for one plane.
    """
    kept: list[FloatArray] = []
    for i, here in enumerate(points_xyz):
        before = points_xyz[i - 1]
        if (here[2] >= NEAR_M) != (before[2] >= NEAR_M):
            t = (NEAR_M - before[2]) / (here[2] - before[2])
            kept.append(before + t * (here - before))
        if here[2] >= NEAR_M:
            kept.append(here)
    return np.array(kept).reshape(-1, 3)


def wrap_angle(angle: float) -> float:
    """Return the angle in -pi..pi, radians."""
    return (angle + pi) % (2 * pi) - pi


def observation_angle(rotation_y: float, x: float, z: float) -> float:
    """Return KITTI's alpha: the object's rotation minus the viewing direction, radians.

    Source:
        KITTI object devkit, readme.txt, "Data Format Description".
    """
    return wrap_angle(rotation_y - atan2(x, z))
