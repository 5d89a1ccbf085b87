"""Trucks, trams, and the mixed class "Misc" (trailers, caravans, machines)."""

import itertools
from functools import lru_cache

from kittidet.synthetic.bodies_cars import DARK, GLASS, HEADLAMP, PLATE, TAILLAMP, WINDSHIELD
from kittidet.synthetic.canvas import Colour, mix, scaled
from kittidet.synthetic.mesh import Part, PartBuilder

CHASSIS: Colour = (52, 52, 56)


@lru_cache(maxsize=512)
def truck_parts(hwl: tuple[float, float, float], style: str, colour: Colour, load: Colour) -> tuple[Part, ...]:
    """Return a cab and a load: ``style`` "box" (closed), "tipper" (open and low) or "tank"."""
    height, width, length = hwl
    side, front, rear = width / 2, length / 2, -length / 2
    cab_length = min(2.2, length * 0.32)
    cab_height = height * (0.82 if style == "box" else 0.95)
    cab = PartBuilder((front - cab_length / 2, cab_height / 2, 0))
    cab.treads(front - cab_length * 0.55, 0.5, side)
    cab.box((front - cab_length, 0.45, -side * 0.95), (front, cab_height, side * 0.95), colour)
    ahead = front + 0.002
    cab.across(ahead, (-side * 0.86, side * 0.86), (cab_height * 0.55, cab_height * 0.87), WINDSHIELD)
    cab.across(ahead, (-side * 0.6, side * 0.6), (cab_height * 0.3, cab_height * 0.48), DARK)
    cab.across(ahead, (-side * 0.95, side * 0.95), (0.45, cab_height * 0.24), mix(colour, DARK, 0.6))
    for r in (-0.78, 0.78):
        cab.across(ahead, ((r - 0.14) * side, (r + 0.14) * side), (0.62, 0.85), HEADLAMP, lit=False)
    low, high, a = cab_height * 0.55, cab_height * 0.85, front - cab_length * 0.12
    edges = ((a, a - cab_length * 0.5), (a - 0.1, a - cab_length * 0.5))
    cab.panel(*edges, (low, high), (side * 0.951, side * 0.951), GLASS, lit=False)
    cab.wheel(front - cab_length * 0.55, 0.5, side + 0.005)
    back = PartBuilder((rear / 2, height / 2, 0))
    start = front - cab_length - 0.15
    back.treads(rear + 1.1, 0.5, side)
    back.box((rear, 0.55, -side * 0.7), (start, 1.0, side * 0.7), CHASSIS)
    behind = rear - 0.002
    if style == "tank":
        ring = [(0.5, 1.0), (0.95, 0.82), (1.0, 0.5), (0.95, 0.18), (0.5, 0.0)]
        edge = [(1.0 + (height - 1.0) * u, side * r) for r, u in ring]
        for (u1, r1), (u2, r2) in itertools.pairwise(edge):
            back.panel((rear, start), (rear, start), (u1, u2), (r1, r2), load)
        back.face([(rear, u, r) for u, r in edge] + [(rear, u, -r) for u, r in reversed(edge)], scaled(load, 0.9))
    else:
        top = height if style == "box" else 1.0 + (height - 1.0) * 0.62
        back.box((rear, 0.95, -side), (start, top, side), load)
        ribs = max(2, int((start - rear) / 1.1))
        for k in range(1, ribs):
            a = rear + (start - rear) * k / ribs
            back.along((a, a + 0.06), (1, top), side + 0.002, scaled(load, 0.8))
        back.across(behind, (-0.03, 0.03), (1.0, top), scaled(load, 0.6))
        back.across(behind, (-side, side), (0.95, 1.06), scaled(load, 0.5))
    for r in (-0.75, 0.75):
        back.across(behind, ((r - 0.15) * side, (r + 0.15) * side), (0.72, 0.92), TAILLAMP, lit=False)
    back.across(behind, (-0.28, 0.28), (0.7, 0.85), PLATE)
    for a in (rear + 1.1, *((rear + 2.3,) if length > 7.5 else ())):
        back.wheel(a, 0.5, side + 0.005)
    return back.build(), cab.build()


@lru_cache(maxsize=256)
def tram_parts(hwl: tuple[float, float, float], colour: Colour, skirt: Colour) -> tuple[Part, ...]:
    """Return a tram in sections with a window band, doors, tapered ends and a pantograph."""
    height, width, length = hwl
    side = width / 2
    roof = height * 0.9
    sections = max(1, round(length / 8))
    step = length / sections
    parts = []
    for k in range(sections):
        rear, front = -length / 2 + k * step, -length / 2 + (k + 1) * step - 0.12
        part = PartBuilder(((front + rear) / 2, height / 2, 0))
        nose, tail = (0.7 if k == sections - 1 else 0.0), (0.7 if k == 0 else 0.0)
        upper_rear, upper_front = rear + tail * 0.4, front - nose * 0.4
        part.panel((rear, front), (upper_rear, upper_front), (0.25, roof), (side, side), colour)
        part.along((rear, front), (0.25, 0.9), side, skirt)
        part.strip((upper_rear, roof), (upper_front, roof), (side, side), (110, 112, 116))
        for end, inset, sign in ((front, nose, 1), (rear, tail, -1)):
            upper = end - sign * inset * 0.4
            part.strip((end, 0.25), (upper, roof), (side, side), colour)
            if inset:
                glass = end - sign * inset * 0.2
                window = ((glass + sign * 0.01, 1.3), (upper + sign * 0.03, roof * 0.86))
                part.strip(*window, (side * 0.85, side * 0.85), GLASS)
                part.across(end + sign * 0.003, (-side, side), (0.25, 0.8), skirt)
                lamp = HEADLAMP if sign > 0 else TAILLAMP
                for r in (-0.7, 0.7):
                    part.across(
                        end + sign * 0.006, ((r - 0.12) * side, (r + 0.12) * side), (0.85, 1.1), lamp, lit=False
                    )
        count = max(2, int(step / 1.5))
        for w in range(count):
            a1, a2 = (rear + 0.5 + (front - rear - 1.0) * (w + e) / count for e in (0.08, 0.92))
            low = 0.4 if w == count // 2 else 1.25
            part.along((a1, a2), (low, roof * 0.86), side + 0.002, GLASS, lit=False)
        part.box((rear + step * 0.3, roof, -side * 0.5), (rear + step * 0.7, height * 0.96, side * 0.5), (96, 98, 100))
        parts.append(part.build())
    arm = PartBuilder((0, height * 0.95, -5))
    arm.box((-0.05, height * 0.9, -0.6), (0.05, height, 0.6), CHASSIS)
    return (*parts, arm.build())


@lru_cache(maxsize=256)
def misc_parts(hwl: tuple[float, float, float], style: str, colour: Colour) -> tuple[Part, ...]:
    """Return a "caravan", a "trailer" or a "machine" (a small digger or tractor)."""
    height, width, length = hwl
    side, front, rear = width / 2, length / 2, -length / 2
    part = PartBuilder((0, height / 2, 0))
    part.treads(-0.04 * length if style == "caravan" else rear * 0.15, 0.3, side)
    if style == "caravan":
        outline = [
            (front, 0.35),
            (front, height * 0.6),
            (front * 0.8, height),
            (rear * 0.85, height),
            (rear, height * 0.75),
            (rear, 0.35),
        ]
        part.extrude(outline, lambda _: side, [colour, colour, colour, colour, colour, DARK], colour)
        part.along((-0.3 * length, 0.25 * length), (0.5 * height, 0.8 * height), side + 0.002, GLASS, lit=False)
        part.across(rear - 0.002, (-side * 0.7, side * 0.7), (height * 0.48, height * 0.72), GLASS)
        part.along((-0.49 * length, 0.49 * length), (0.36 * height, 0.42 * height), side + 0.003, (160, 60, 40))
        part.wheel(-0.04 * length, 0.3, side + 0.005)
    elif style == "trailer":
        part.box((rear, 0.45, -side * 0.85), (front * 0.6, height, side * 0.85), colour, scaled(colour, 0.5))
        part.box((front * 0.6, 0.45, -0.05), (front, 0.55, 0.05), CHASSIS)
        for r in (-0.75, 0.75):
            part.across(rear - 0.002, ((r - 0.15) * side, (r + 0.1) * side), (0.5, 0.65), TAILLAMP, lit=False)
        part.wheel(rear * 0.15, 0.3, side)
    else:
        part.box((rear, 0.4, -side * 0.8), (front, height * 0.5, side * 0.8), colour)
        cabin = PartBuilder((rear * 0.4, height * 0.75, 0))
        cabin.box((rear * 0.8, height * 0.5, -side * 0.7), (front * 0.1, height, side * 0.7), colour)
        cabin.along((rear * 0.7, 0), (height * 0.55, height * 0.92), side * 0.702, GLASS, lit=False)
        for a in (rear * 0.802, front * 0.102):
            cabin.across(a, (-side * 0.6, side * 0.6), (height * 0.56, height * 0.92), GLASS)
        part.wheel(rear * 0.55, min(0.6, height * 0.3), side)
        part.wheel(front * 0.6, min(0.4, height * 0.22), side)
        return part.build(), cabin.build()
    return (part.build(),)
