"""People: limbs as thick lines between joints; walking, riding a bicycle, or sitting."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np

from kittidet.synthetic.canvas import Canvas, Colour, scaled
from kittidet.synthetic.mesh import Light, Point, Pose

SKIN: Colour = (196, 150, 124)
BICYCLE: Colour = (30, 30, 34)
BENCH: Colour = (104, 78, 52)


@dataclass(frozen=True, slots=True)
class Clothes:
    """Colours of a person."""

    jacket: Colour
    trousers: Colour
    hair: Colour
    bag: Colour | None = None


@dataclass(frozen=True, slots=True)
class Limb:
    """A thick line between two joints, body coordinates, metres."""

    start: Point
    end: Point
    thickness: float
    colour: Colour


def walking_limbs(height: float, phase: float, clothes: Clothes) -> list[Limb]:
    """Return a standing or walking person; ``phase`` in radians moves legs and arms."""
    h, swing = height, 0.17 * height * sin(phase)
    hip, shoulder = 0.5 * h, 0.8 * h
    lift = 0.05 * h * max(0.0, cos(phase))
    limbs = [
        Limb((0, hip, 0.05 * h), (swing, 0.05 * h, 0.05 * h), 0.085 * h, clothes.trousers),
        Limb((0, hip, -0.05 * h), (-swing, 0.05 * h + lift, -0.05 * h), 0.085 * h, scaled(clothes.trousers, 0.85)),
        Limb((swing - 0.02, 0.025 * h, 0.05 * h), (swing + 0.07 * h, 0.025 * h, 0.05 * h), 0.05 * h, (28, 26, 26)),
        Limb((-swing - 0.02, 0.025 * h, -0.05 * h), (0.07 * h - swing, 0.025 * h, -0.05 * h), 0.05 * h, (28, 26, 26)),
        Limb((0, shoulder, -0.12 * h), (swing * 0.8, 0.5 * h, -0.14 * h), 0.06 * h, scaled(clothes.jacket, 0.9)),
        Limb((0, hip, 0), (0, shoulder, 0), 0.2 * h, clothes.jacket),
        Limb((0, shoulder, 0.12 * h), (-swing * 0.8, 0.5 * h, 0.14 * h), 0.06 * h, scaled(clothes.jacket, 0.95)),
        *_head(h, (0.01 * h, 0.93 * h), clothes),
    ]
    if clothes.bag is not None:
        limbs.append(Limb((-0.1 * h, 0.6 * h, 0), (-0.1 * h, 0.76 * h, 0), 0.14 * h, clothes.bag))
    return limbs


def sitting_limbs(height: float, clothes: Clothes) -> list[Limb]:
    """Return a person on a chair; ``height`` is the seated height."""
    h, s = height, height / 1.28
    seat = 0.36 * h
    return [
        Limb((-0.25 * s, 0.02 * h, 0.2 * s), (-0.25 * s, 0.68 * h, 0.2 * s), 0.05 * s, BENCH),
        Limb((-0.25 * s, 0.02 * h, -0.2 * s), (-0.25 * s, 0.68 * h, -0.2 * s), 0.05 * s, BENCH),
        Limb((-0.25 * s, seat - 0.07, 0), (0.2 * s, seat - 0.07, 0), 0.09 * s, BENCH),
        Limb((-0.25 * s, 0.6 * h, -0.22 * s), (-0.25 * s, 0.6 * h, 0.22 * s), 0.1 * s, BENCH),
        Limb((-0.12 * s, seat, 0), (-0.14 * s, 0.74 * h, 0), 0.3 * s, clothes.jacket),
        Limb((-0.08 * s, seat, -0.1 * s), (0.42 * s, seat + 0.02, -0.1 * s), 0.16 * s, clothes.trousers),
        Limb((0.44 * s, seat, -0.1 * s), (0.54 * s, 0.06 * h, -0.1 * s), 0.12 * s, scaled(clothes.trousers, 0.9)),
        Limb((-0.08 * s, seat, 0.1 * s), (0.42 * s, seat + 0.02, 0.1 * s), 0.16 * s, clothes.trousers),
        Limb((0.44 * s, seat, 0.1 * s), (0.54 * s, 0.06 * h, 0.1 * s), 0.12 * s, scaled(clothes.trousers, 0.9)),
        Limb((0.52 * s, 0.03 * h, 0), (0.68 * s, 0.03 * h, 0), 0.08 * s, (28, 26, 26)),
        Limb((-0.1 * s, 0.7 * h, 0.2 * s), (0.2 * s, seat + 0.12, 0.16 * s), 0.09 * s, scaled(clothes.jacket, 0.9)),
        *_head(1.75 * s, (-0.12 * s, 0.9 * h), clothes),
    ]


def cycling_limbs(height: float, length: float, phase: float, clothes: Clothes, frame: Colour) -> list[Limb]:
    """Return a rider on a bicycle; ``length`` is that of the bicycle, ``phase`` turns the pedals."""
    h, radius = height, 0.33
    rear, front = -length / 2 + radius, length / 2 - radius
    saddle, bar, crank = (rear + 0.25, 0.52 * h, 0.0), (front - 0.12, 0.58 * h, 0.0), (rear + 0.42, 0.3, 0.0)
    limbs = [limb for hub in (rear, front) for limb in _wheel(hub, radius)]
    limbs += [
        Limb((rear, radius, 0), crank, 0.05, frame),
        Limb(crank, saddle, 0.05, frame),
        Limb(saddle, (rear, radius, 0), 0.04, frame),
        Limb(crank, (front - 0.1, 0.5 * h, 0), 0.06, frame),
        Limb(saddle, (front - 0.1, 0.5 * h, 0), 0.05, frame),
        Limb((front, radius, 0), bar, 0.05, frame),
        Limb((bar[0], bar[1], -0.25), (bar[0], bar[1], 0.25), 0.05, BICYCLE),
    ]
    shoulder = (saddle[0] + 0.3 * (length / 1.77), 0.82 * h, 0.0)
    for side, turn in ((-0.1, phase + pi), (0.1, phase)):
        foot = (crank[0] + 0.17 * cos(turn), 0.3 + 0.17 * sin(turn), side)
        knee = ((saddle[0] + foot[0]) / 2 + 0.2, (saddle[1] + foot[1]) / 2 + 0.1, side)
        limbs.append(Limb((saddle[0], saddle[1], side), knee, 0.15, clothes.trousers))
        limbs.append(Limb(knee, foot, 0.11, scaled(clothes.trousers, 0.9)))
        limbs.append(Limb(foot, (foot[0] + 0.14, foot[1], side), 0.08, (30, 28, 28)))
    limbs.append(Limb((saddle[0], saddle[1] + 0.03, 0), shoulder, 0.32, clothes.jacket))
    limbs += [
        Limb((shoulder[0], shoulder[1], s * 0.18), (bar[0], bar[1], s * 0.22), 0.09, scaled(clothes.jacket, 0.9))
        for s in (-1, 1)
    ]
    limbs += _head(h, (shoulder[0] + 0.12, 0.935 * h), clothes)
    return limbs


def _head(height: float, at: tuple[float, float], clothes: Clothes) -> list[Limb]:
    a, u = at
    return [
        Limb((a, u, 0), (a, u + 0.005, 0), 0.12 * height, SKIN),
        Limb(
            (a - 0.012 * height, u + 0.022 * height, 0),
            (a - 0.012 * height, u + 0.024 * height, 0),
            0.098 * height,
            clothes.hair,
        ),
    ]


def _wheel(hub: float, radius: float) -> list[Limb]:
    ring = [
        (hub + radius * 0.94 * cos(2 * pi * k / 10), radius + radius * 0.94 * sin(2 * pi * k / 10), 0.0)
        for k in range(10)
    ]
    return [Limb(ring[k - 1], ring[k], 0.045, BICYCLE) for k in range(10)]


def paint_limbs(canvas: Canvas, limbs: Sequence[Limb], pose: Pose, light: Light) -> None:
    """Paint limbs from far to near, lit a little from the sun's side."""
    joints = np.array([p for limb in limbs for p in (limb.start, limb.end)])
    xyz = pose.to_camera(joints)
    if xyz[:, 2].min() < 0.8:
        return
    px = canvas.camera.project(xyz)
    # Later limbs are painted over earlier ones unless clearly farther away, by a fifth of a metre.
    depth = np.round((xyz[0::2, 2] + xyz[1::2, 2]) / 2 / 0.2)
    order = sorted(range(len(limbs)), key=lambda i: (-depth[i], i))
    shade = light.ambient + 0.6 * light.direct
    for i in order:
        limb = limbs[i]
        (x1, y1), (x2, y2) = ((float(x), float(y)) for x, y in px[2 * i : 2 * i + 2])
        half = canvas.camera.focal_px * limb.thickness / 2 / float(xyz[2 * i, 2])
        colour = scaled(limb.colour, shade)
        dx, dy = x2 - x1, y2 - y1
        length = (dx * dx + dy * dy) ** 0.5
        if length > 0.2:
            nx, ny = -dy / length * half, dx / length * half
            canvas.polygon([(x1 + nx, y1 + ny), (x2 + nx, y2 + ny), (x2 - nx, y2 - ny), (x1 - nx, y1 - ny)], colour)
        if half > 0.6:
            canvas.disc((x1, y1), (half, half), colour)
            canvas.disc((x2, y2), (half, half), colour)
