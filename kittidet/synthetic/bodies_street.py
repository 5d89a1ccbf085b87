"""Buildings, posts and street furniture."""

from functools import lru_cache

import numpy as np

from kittidet.synthetic.canvas import Colour, mix, scaled
from kittidet.synthetic.draws import draws_for
from kittidet.synthetic.mesh import Part, PartBuilder

_FACADES: tuple[Colour, ...] = (
    (206, 196, 176), (188, 170, 150), (226, 222, 212), (172, 150, 128), (160, 110, 92), (200, 182, 140),
    (178, 184, 186), (214, 170, 140), (150, 142, 138), (232, 226, 200),
)  # fmt: skip
_ROOFS: tuple[Colour, ...] = ((122, 62, 46), (96, 58, 48), (72, 70, 74), (140, 82, 58))
_BOXES: dict[str, tuple[Colour, ...]] = {
    "bin": ((40, 70, 44), (60, 60, 64), (120, 96, 30), (40, 56, 96)),
    "cabinet": ((120, 124, 120), (150, 148, 140)),
    "skip": ((190, 150, 40), (60, 90, 140), (150, 60, 40), (90, 110, 90)),
    "pillar": ((150, 140, 120), (110, 120, 110)),
}
_PLATES: tuple[tuple[Colour, Colour], ...] = (
    ((30, 70, 150), (226, 226, 226)), ((196, 30, 30), (232, 232, 232)), ((228, 196, 40), (40, 40, 40)),
    ((220, 220, 216), (120, 120, 120)),
)  # fmt: skip


@lru_cache(maxsize=512)
def building_parts(hwl: tuple[float, float, float], variant: int) -> tuple[Part, ...]:
    """Return a building: walls, rows of windows, a door, sometimes a shop front, a roof."""
    height, depth, length = hwl
    draws = draws_for(13, variant)
    wall = _FACADES[int(draws.integers(len(_FACADES)))]
    roof = _ROOFS[int(draws.integers(len(_ROOFS)))]
    pane = mix((44, 54, 66), (150, 170, 190), float(draws.random()) * 0.5)
    part = PartBuilder((0, height / 2, 0))
    part.box((-length / 2, 0, -depth / 2), (length / 2, height, depth / 2), wall, scaled(roof, 0.8))
    side = depth / 2 + 0.02
    part.both_sides(
        [(-length / 2, 0, side), (length / 2, 0, side), (length / 2, 0.7, side), (-length / 2, 0.7, side)],
        scaled(wall, 0.72),
    )
    frame = (226, 224, 218) if draws.random() < 0.6 else scaled(wall, 0.6)
    shop = draws.random() < 0.25
    spacing = float(draws.uniform(2.0, 3.2))
    floors, columns = max(1, int((height - 0.6) / 3.0)), max(2, int(length / spacing))
    for floor in range(floors):
        low = 1.1 + floor * 3.0
        part.along((-length / 2, length / 2), (low - 0.5, low - 0.42), side, scaled(wall, 0.86))
        for column in range(columns):
            if draws.random() < 0.12:
                continue
            a = -length / 2 + (column + 0.5) * length / columns
            half, top = (0.42 * length / columns, low + 1.5) if shop and floor == 0 else (0.55, low + 1.35)
            bottom = 0.1 if floor == 0 and column == columns // 2 else low
            for r, grow, colour in ((side + 0.01, 0.1, frame), (side + 0.02, 0.0, pane)):
                part.along((a - half - grow, a + half + grow), (bottom - grow, top + grow), r, colour)
    _add_gable_windows(part, hwl, floors, frame, pane, draws)
    gable = PartBuilder((0, height, 0))
    if draws.random() < 0.7:
        ridge = height + float(draws.uniform(1.5, 3.5))
        eaves = [(a, height, side + 0.3) for a in (-length / 2, length / 2)]
        gable.both_sides([*eaves, (length / 2, ridge, 0), (-length / 2, ridge, 0)], roof)
        for a in (-length / 2, length / 2):
            gable.face([(a, height, -side), (a, ridge, 0), (a, height, side)], wall)
        return part.build(), gable.build()
    return (part.build(),)


def _add_gable_windows(
    part: PartBuilder,
    hwl: tuple[float, float, float],
    floors: int,
    frame: Colour,
    pane: Colour,
    draws: np.random.Generator,
) -> None:
    """Add windows to the walls that look along the road."""
    _, depth, length = hwl
    for floor in range(floors):
        low = 1.1 + floor * 3.0
        for across in (-0.25, 0.22):
            if draws.random() < 0.4:
                continue
            r = across * depth
            for grow, colour, end in ((0.1, frame, length / 2 + 0.01), (0.0, pane, length / 2 + 0.02)):
                for a in (-end, end):
                    part.across(a, (r - 0.5 - grow, r + 0.5 + grow), (low - grow, low + 1.3 + grow), colour)


@lru_cache(maxsize=256)
def post_parts(kind: str, hwl: tuple[float, float, float], variant: int) -> tuple[Part, ...]:
    """Return a "pole" (street lamp), "sign", "bin", "cabinet", "skip" (a container as big as a car) or "pillar"."""
    height, width, length = hwl
    draws = draws_for(14, variant)
    part = PartBuilder((0, height / 2, 0))
    grey = int(draws.integers(70, 150))
    steel = (grey, grey, grey)
    if kind in _BOXES:
        colour = _BOXES[kind][int(draws.integers(len(_BOXES[kind])))]
        part.box((-length / 2, 0.04, -width / 2), (length / 2, height, width / 2), colour, scaled(colour, 0.5))
        if kind in ("skip", "cabinet"):
            for a in (-0.25, 0.0, 0.25):
                part.along((a * length, a * length + 0.06), (0.1, height * 0.95), width / 2, scaled(colour, 0.75))
        return (part.build(),)
    part.box((-0.06, 0, -0.06), (0.06, height, 0.06), steel)
    if kind == "pole":
        arm = PartBuilder((0, height, -0.7))
        arm.box((-0.04, height - 0.1, -1.5), (0.04, height, 0), steel)
        arm.box((-0.1, height - 0.16, -1.9), (0.1, height - 0.04, -1.4), (190, 190, 186))
        return part.build(), arm.build()
    colour, middle = _PLATES[int(draws.integers(len(_PLATES)))]
    half = width / 2
    for a, size, tone in ((-0.07, 1.0, colour), (-0.08, 0.6, middle)):
        for sign in (1, -1):
            part.face(
                [
                    (sign * a, height - 0.35 + size * half * u, size * half * r)
                    for u, r in ((1, -0.4), (1, 0.4), (0.4, 1), (-0.4, 1), (-1, 0.4), (-1, -0.4), (-0.4, -1), (0.4, -1))
                ],
                tone,
            )
    return (part.build(),)
