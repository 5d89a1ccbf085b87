"""Bodies made of flat faces: how they are built, rotated, lit and painted.

Body coordinates: ``a`` forward, ``u`` up from the ground, ``r`` to the right, metres, origin at the bottom centre.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, pi, sin, sqrt

import numpy as np

from kittidet.arrays import FloatArray
from kittidet.synthetic.camera import NEAR_M
from kittidet.synthetic.canvas import Canvas, Colour, scaled

Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Light:
    """The light from sun and sky on an object.

    Attributes:
        sun: direction to the sun in camera coordinates (y down), unit length.
        ambient: brightness of a face in the shade.
        direct: what the sun adds to a face turned straight towards it.
    """

    sun: tuple[float, float, float]
    ambient: float
    direct: float


@dataclass(frozen=True, slots=True)
class Part:
    """A convex piece: faces in painting order, seen only from outside.

    Attributes:
        points: float64 ``[n, 3]``, the corners of all faces one after another, body coordinates.
        ends: end of each face in ``points``.
        normals: float64 ``[faces, 3]``, outward, body coordinates.
        colours: one per face.
        lit: whether lighting changes the face (lamps and dark glass keep their colour).
    """

    points: FloatArray
    ends: tuple[int, ...]
    normals: FloatArray
    colours: tuple[Colour, ...]
    lit: tuple[bool, ...]


class PartBuilder:
    """Collects the faces of one convex piece.

    Args:
        inside: any point inside it; faces are turned away from it.
    """

    def __init__(self, inside: Point) -> None:
        self._inside = inside
        self._faces: list[Sequence[Point]] = []
        self._normals: list[Point] = []
        self._colours: list[Colour] = []
        self._lit: list[bool] = []

    def face(self, points: Sequence[Point], colour: Colour, *, lit: bool = True) -> None:
        """Add a flat face, or a detail on top of the faces added before."""
        (a0, u0, r0), (a1, u1, r1), (a2, u2, r2) = points[:3]
        da, du, dr, ea, eu, er = a1 - a0, u1 - u0, r1 - r0, a2 - a0, u2 - u0, r2 - r0
        normal = (du * er - dr * eu, dr * ea - da * er, da * eu - du * ea)
        length = sqrt(sum(n * n for n in normal))
        if length < 1e-9:
            return
        outward = sum(n * (p - q) for n, p, q in zip(normal, points[0], self._inside, strict=True))
        length = -length if outward < 0 else length
        self._faces.append(points)
        self._normals.append((normal[0] / length, normal[1] / length, normal[2] / length))
        self._colours.append(colour)
        self._lit.append(lit)

    def both_sides(self, points: Sequence[Point], colour: Colour, *, lit: bool = True) -> None:
        """Add a face on the right side and its mirror image on the left."""
        self.face(points, colour, lit=lit)
        self.face([(a, u, -r) for a, u, r in points], colour, lit=lit)

    def across(
        self, a: float, r: tuple[float, float], u: tuple[float, float], colour: Colour, *, lit: bool = True
    ) -> None:
        """Add an upright rectangle across the body at ``a``, between two distances to the right and two heights."""
        self.face([(a, u[0], r[0]), (a, u[1], r[0]), (a, u[1], r[1]), (a, u[0], r[1])], colour, lit=lit)

    def along(
        self, a: tuple[float, float], u: tuple[float, float], r: float, colour: Colour, *, lit: bool = True
    ) -> None:
        """Add an upright rectangle along both sides, ``r`` from the middle, between two places and two heights."""
        self.panel(a, a, u, (r, r), colour, lit=lit)

    def panel(
        self,
        low: tuple[float, float],
        high: tuple[float, float],
        u: tuple[float, float],
        r: tuple[float, float],
        colour: Colour,
        *,
        lit: bool = True,
    ) -> None:
        """Add a panel on both sides that is ``low`` at its lower edge and ``high`` at its upper one.

        Args:
            low: where the lower edge starts and ends.
            high: where the upper edge starts and ends.
            u: heights of the two edges.
            r: their distances from the middle.
            colour: of the panel.
            lit: whether lighting changes it.
        """
        corners = [(low[0], u[0], r[0]), (high[0], u[1], r[1]), (high[1], u[1], r[1]), (low[1], u[0], r[0])]
        self.both_sides(corners, colour, lit=lit)

    def strip(
        self, start: tuple[float, float], end: tuple[float, float], r: tuple[float, float], colour: Colour
    ) -> None:
        """Add a face from the right to the left side between two edges ``(a, u)``, each ``r`` wide to either side."""
        (a1, u1), (a2, u2) = start, end
        self.face([(a1, u1, r[0]), (a2, u2, r[1]), (a2, u2, -r[1]), (a1, u1, -r[0])], colour)

    def extrude(
        self,
        outline: Sequence[tuple[float, float]],
        half: Callable[[float], float],
        colours: Sequence[Colour],
        side: Colour,
    ) -> None:
        """Add the strips between an outline ``(a, u)`` and its mirror image, then the two sides.

        Args:
            outline: corners of the side view, in order.
            half: half width at a height.
            colours: of the strip from each corner to the next (the last closes the outline).
            side: colour of the sides.
        """
        for start, end, colour in zip(outline, [*outline[1:], outline[0]], colours, strict=True):
            self.strip(start, end, (half(start[1]), half(end[1])), colour)
        self.both_sides([(a, u, half(u)) for a, u in outline], side)

    def box(self, low: Point, high: Point, colour: Colour, top: Colour | None = None) -> None:
        """Add an upright box between two corners."""
        (a1, u1, r1), (a2, u2, r2) = low, high
        self.across(a1, (r1, r2), (u1, u2), colour)
        self.across(a2, (r1, r2), (u1, u2), colour)
        self.face([(a1, u1, r1), (a2, u1, r1), (a2, u2, r1), (a1, u2, r1)], colour)
        self.face([(a1, u1, r2), (a2, u1, r2), (a2, u2, r2), (a1, u2, r2)], colour)
        self.face([(a1, u2, r1), (a2, u2, r1), (a2, u2, r2), (a1, u2, r2)], colour if top is None else top)

    def wheel(self, a: float, radius: float, r: float, *, corners: int = 12) -> None:
        """Add a wheel on both sides at ``a``."""
        ring = [(cos(2 * pi * k / corners), sin(2 * pi * k / corners)) for k in range(corners)]
        for size, colour in ((1.0, (18, 18, 20)), (0.62, (120, 122, 126)), (0.25, (60, 60, 64))):
            points = [(a + radius * size * c, radius + radius * size * s, r) for c, s in ring]
            self.both_sides(points, colour)

    def treads(self, a: float, radius: float, r: float) -> None:
        """Add the tyres at ``a`` as seen from the front and back; add them before the body that hides their tops."""
        wide = min(0.22, r * 0.3)
        for end in (a - radius * 0.7, a + radius * 0.7):
            for tyre in ((r - wide, r), (-r, wide - r)):
                self.across(end, tyre, (0, radius), (20, 20, 22))

    def build(self) -> Part:
        """Return the finished piece."""
        ends = np.cumsum([len(face) for face in self._faces])
        return Part(
            points=np.array([point for face in self._faces for point in face], dtype=float),
            ends=tuple(int(end) for end in ends),
            normals=np.array(self._normals),
            colours=tuple(self._colours),
            lit=tuple(self._lit),
        )


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a body stands: bottom centre in camera coordinates, metres, and KITTI's rotation_y, radians."""

    xyz: tuple[float, float, float]
    rotation_y: float

    def axes(self) -> FloatArray:
        """Return the camera-frame directions of ``a``, ``u`` and ``r`` as rows ``[3, 3]``."""
        c, s = cos(self.rotation_y), sin(self.rotation_y)
        return np.array([[c, 0.0, -s], [0.0, -1.0, 0.0], [-s, 0.0, -c]])

    def to_camera(self, points_aur: FloatArray) -> FloatArray:
        """Return body points ``[n, 3]`` in camera coordinates."""
        return points_aur @ self.axes() + np.array(self.xyz)


def paint_parts(canvas: Canvas, parts: Sequence[Part], pose: Pose, light: Light) -> None:
    """Paint a body: its pieces from far to near, each with the faces turned to the camera."""
    axes = pose.axes()
    placed = [(part, pose.to_camera(part.points)) for part in parts]
    placed.sort(key=lambda item: -float(np.square(item[1].mean(0)).sum()))
    sun = np.array(light.sun)
    for part, xyz in placed:
        if xyz[:, 2].max() < NEAR_M:
            continue
        normals = part.normals @ axes
        firsts = xyz[[0, *part.ends[:-1]]]
        towards = ((normals * firsts).sum(1) < 0).tolist()
        shade = (light.ambient + light.direct * np.maximum(normals @ sun, 0)).tolist()
        whole = xyz[:, 2].min() >= NEAR_M
        px = canvas.camera.project(xyz).tolist() if whole else []
        start = 0
        for face, end in enumerate(part.ends):
            if towards[face]:
                colour = scaled(part.colours[face], shade[face]) if part.lit[face] else part.colours[face]
                if whole:
                    canvas.polygon(px[start:end], colour)
                else:
                    canvas.polygon_xyz(xyz[start:end], colour)
            start = end


def paint_shadow(
    canvas: Canvas,
    pose: Pose,
    length_width: tuple[float, float],
    light: Light,
    colour: Colour,
    height: float,
    slope: float,
) -> None:
    """Paint the dark patch a body casts on the ground, longer where the sun is low."""
    half_l, half_w = length_width[0] / 2, length_width[1] / 2
    base = pose.to_camera(np.array([[s * half_l, 0.0, t * half_w] for s, t in ((1, 1), (1, -1), (-1, -1), (-1, 1))]))
    sun_x, sun_y, sun_z = light.sun
    reach = min(2.5, height * 0.8 / max(0.3, -sun_y)) if light.direct > 0.15 else 0.15
    shift = np.array([-sun_x * reach, 0.0, -sun_z * reach])
    cast = base + shift
    cast[:, 1] = pose.xyz[1] + (cast[:, 2] - pose.xyz[2]) * slope
    base[:, 1] = pose.xyz[1] + (base[:, 2] - pose.xyz[2]) * slope
    for i in range(4):
        canvas.polygon_xyz(np.stack([base[i], base[i - 1], cast[i - 1], cast[i]]), colour)
    canvas.polygon_xyz(cast, colour)
    canvas.polygon_xyz(base, scaled(colour, 0.6))
