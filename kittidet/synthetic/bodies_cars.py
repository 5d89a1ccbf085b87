"""Cars and vans: bodies of flat faces with glass, lamps, wheels and plates."""

from functools import lru_cache

from kittidet.synthetic.canvas import Colour, mix, scaled
from kittidet.synthetic.mesh import Part, PartBuilder

GLASS: Colour = (38, 46, 54)
WINDSHIELD: Colour = (62, 74, 84)
HEADLAMP: Colour = (225, 228, 222)
TAILLAMP: Colour = (168, 24, 22)
PLATE: Colour = (222, 222, 214)
DARK: Colour = (26, 26, 28)

# Side views as shares of length (front = +0.5) and height. Body from the front bumper over the bonnet to the rear;
# cabin: base of windscreen, front and rear edge of the roof, base of the rear window.
_CAR_STYLES: dict[str, tuple[tuple[tuple[float, float], ...], tuple[tuple[float, float], ...]]] = {
    "hatchback": (
        ((0.5, 0.17), (0.5, 0.4), (0.45, 0.53), (0.22, 0.63), (-0.44, 0.66), (-0.5, 0.55), (-0.5, 0.17)),
        ((0.24, 0.6), (0.04, 0.96), (-0.12, 1.0), (-0.36, 0.96), (-0.47, 0.62)),
    ),
    "sedan": (
        ((0.5, 0.17), (0.5, 0.4), (0.46, 0.52), (0.2, 0.6), (-0.36, 0.63), (-0.48, 0.6), (-0.5, 0.45), (-0.5, 0.17)),
        ((0.22, 0.58), (0.05, 0.96), (-0.06, 1.0), (-0.2, 0.97), (-0.38, 0.61)),
    ),
    "estate": (
        ((0.5, 0.17), (0.5, 0.4), (0.46, 0.51), (0.22, 0.6), (-0.46, 0.64), (-0.5, 0.55), (-0.5, 0.17)),
        ((0.24, 0.58), (0.07, 0.96), (-0.1, 1.0), (-0.42, 0.96), (-0.49, 0.62)),
    ),
}
CAR_STYLES = tuple(_CAR_STYLES)
_VAN = ((0.5, 0.13), (0.5, 0.36), (0.44, 0.5), (0.3, 0.92), (0.24, 1.0), (-0.49, 1.0), (-0.5, 0.93), (-0.5, 0.13))
# What is seen from ahead and from behind: from and to as shares of half the width, then of the height; its colour, and
# whether lighting changes it.
_Patch = tuple[float, float, float, float, Colour, bool]
_FRONT: tuple[_Patch, ...] = (
    (-0.45, 0.45, 0.3, 0.38, DARK, True),
    (-0.7, 0.7, 0.18, 0.25, DARK, True),
    (-0.28, 0.28, 0.25, 0.3, PLATE, True),
    (0.58, 0.95, 0.31, 0.4, HEADLAMP, False),
    (-0.95, -0.58, 0.31, 0.4, HEADLAMP, False),
)
_REAR: tuple[_Patch, ...] = (
    (-0.8, 0.8, 0.17, 0.22, DARK, True),
    (-0.28, 0.28, 0.32, 0.39, PLATE, True),
    (0.68, 0.97, 0.38, 0.5, TAILLAMP, False),
    (-0.97, -0.68, 0.38, 0.5, TAILLAMP, False),
)


@lru_cache(maxsize=2048)
def car_parts(hwl: tuple[float, float, float], style: str, colour: Colour) -> tuple[Part, ...]:
    """Return the pieces of a car of the given height, width and length, metres."""
    height, width, length = hwl
    body, cabin = _CAR_STYLES[style]
    side, belt = width / 2, 0.6 * height
    lower = PartBuilder((0, height * 0.4, 0))
    outline = [(a * length, u * height) for a, u in body]
    bonnet, trim = scaled(colour, 1.04), mix(colour, DARK, 0.25)
    strips = [trim, colour, bonnet, colour, *([colour] * (len(outline) - 6)), colour, DARK]
    radius = 0.2 * height + 0.01
    for a in (0.31, -0.3):
        lower.treads(a * length, radius, side)
    lower.extrude(outline, lambda u: side * (1 - 0.08 * max(0.0, u / height - 0.45)), strips, colour)
    lower.along((0.48 * length, -0.48 * length), (0.17 * height, 0.24 * height), side, mix(colour, DARK, 0.7))
    for a in (0.08, -0.2):  # door gaps
        gap = (a * length, a * length + 0.03)
        lower.along(gap, (0.26 * height, 0.6 * height), side, mix(colour, DARK, 0.6))
    _add_end(lower, length / 2 + 0.002, side, height, _FRONT)
    _add_end(lower, -length / 2 - 0.002, side, height, _REAR)
    for a in (0.31, -0.3):
        lower.wheel(a * length, radius, side + 0.005)
    return lower.build(), _cabin([(a * length, u * height) for a, u in cabin], side, belt, height, colour)


def _cabin(outline: list[tuple[float, float]], side: float, belt: float, height: float, colour: Colour) -> Part:
    def half(u: float) -> float:
        return side * (0.94 - 0.2 * max(0.0, (u - belt) / (height - belt)))

    top = PartBuilder((outline[2][0], height * 0.7, 0))
    top.extrude(outline, half, [WINDSHIELD, colour, colour, GLASS, DARK], colour)
    (a0, u0), (a1, u1), _, (a3, u3), (a4, u4) = outline
    low, high = max(u0, u4) + 0.02 * height, min(u1, u3) - 0.04 * height

    def at(u: float, start: tuple[float, float], end: tuple[float, float]) -> float:
        return start[0] + (end[0] - start[0]) * (u - start[1]) / (end[1] - start[1])

    front = [at(u, (a0, u0), (a1, u1)) - 0.14 for u in (low, high)]
    rear = [at(u, (a4, u4), (a3, u3)) + 0.14 for u in (low, high)]
    pillar = (front[1] + rear[1]) / 2 + 0.05
    for ahead, behind in (((front[0], front[1]), (pillar + 0.04,) * 2), ((pillar - 0.04,) * 2, (rear[0], rear[1]))):
        edges = ((ahead[0], behind[0]), (ahead[1], behind[1]))
        top.panel(*edges, (low, high), (half(low), half(high)), GLASS, lit=False)
    return top.build()


def _add_end(part: PartBuilder, a: float, side: float, height: float, patches: tuple[_Patch, ...]) -> None:
    for r1, r2, u1, u2, colour, lit in patches:
        part.across(a, (r1 * side, r2 * side), (u1 * height, u2 * height), colour, lit=lit)


@lru_cache(maxsize=512)
def van_parts(hwl: tuple[float, float, float], style: str, colour: Colour) -> tuple[Part, ...]:
    """Return the pieces of a van: one tall box with a short sloping nose, ``style`` "panel" or "glazed"."""
    height, width, length = hwl
    side = width / 2
    outline = [(a * length, u * height) for a, u in _VAN]

    def half(u: float) -> float:
        return side * (1 - 0.1 * max(0.0, u / height - 0.5))

    body = PartBuilder((0, height / 2, 0))
    for a in (0.33, -0.3):
        body.treads(a * length, 0.34, side)
    body.extrude(outline, half, [colour, colour, WINDSHIELD, colour, colour, colour, colour, DARK], colour)
    windows = [(0.39, 0.13)]
    if style == "glazed":
        windows += [(0.1, -0.16), (-0.19, -0.46)]
    low, high = 0.54 * height, 0.84 * height
    for ahead, behind in windows:
        slope = 0.1 if ahead == 0.39 else 0.0
        edges = ((ahead * length, behind * length), ((ahead - slope) * length, behind * length))
        body.panel(*edges, (low, high), (half(low), half(high)), GLASS, lit=False)
    for a in (0.11, -0.17):  # door gaps
        gap, heights = (a * length, a * length + 0.03), (0.2 * height, 0.9 * height)
        body.panel(gap, gap, heights, (half(heights[0]), half(heights[1])), mix(colour, DARK, 0.5))
    body.along((0.49 * length, -0.49 * length), (0.13 * height, 0.2 * height), side, DARK)
    rear = -length / 2 - 0.002
    if style == "glazed":
        body.across(rear, (-side * 0.8, side * 0.8), (0.55 * height, 0.85 * height), GLASS)
    body.across(rear, (-0.02, 0.02), (0.14 * height, 0.93 * height), DARK)
    _add_end(body, length / 2 + 0.002, side, height * 0.9, _FRONT)
    _add_end(body, rear, side, height * 0.75, _REAR)
    for a in (0.33, -0.3):
        body.wheel(a * length, 0.34, side + 0.005)
    return (body.build(),)
