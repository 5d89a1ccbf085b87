"""From a thing to its body: the style and colours of its variant, and how it is painted."""

from functools import lru_cache

from kittidet.synthetic.bodies_cars import CAR_STYLES, car_parts, van_parts
from kittidet.synthetic.bodies_large import misc_parts, tram_parts, truck_parts
from kittidet.synthetic.bodies_people import Clothes, cycling_limbs, paint_limbs, sitting_limbs, walking_limbs
from kittidet.synthetic.canvas import Canvas, Colour
from kittidet.synthetic.draws import draws_for, pick
from kittidet.synthetic.look import Look
from kittidet.synthetic.mesh import Light, Part, paint_parts, paint_shadow
from kittidet.synthetic.world import Thing

# What people in Germany drove around 2011: silver, black, grey, blue, red, white, and a few others.
_PAINTS: tuple[Colour, ...] = (
    (176, 180, 184), (34, 35, 38), (104, 108, 112), (40, 56, 104), (150, 28, 28), (226, 227, 224), (24, 68, 54),
    (190, 170, 120), (92, 120, 150), (196, 160, 30),
)  # fmt: skip
_PAINT_WEIGHTS = (0.27, 0.22, 0.17, 0.1, 0.08, 0.08, 0.03, 0.02, 0.02, 0.01)
_VAN_PAINTS: tuple[Colour, ...] = ((224, 224, 220), (200, 170, 40), (60, 80, 130), (120, 122, 126), (150, 36, 32))
_LOADS: tuple[Colour, ...] = ((214, 214, 210), (60, 90, 150), (180, 60, 40), (90, 130, 90), (150, 130, 90))
_TRAMS: tuple[tuple[Colour, Colour], ...] = (((224, 196, 48), (178, 40, 36)), ((210, 210, 206), (176, 34, 34)))
_CLOTH: tuple[Colour, ...] = (
    (40, 42, 50), (70, 74, 96), (130, 40, 44), (168, 160, 148), (60, 84, 60), (196, 190, 186), (90, 70, 54),
    (60, 60, 120), (190, 120, 60), (32, 30, 32),
)  # fmt: skip
_TROUSERS: tuple[Colour, ...] = ((38, 44, 70), (30, 30, 34), (92, 86, 76), (70, 84, 110), (120, 112, 96))
_HAIR: tuple[Colour, ...] = ((38, 28, 22), (84, 60, 36), (150, 124, 80), (128, 124, 120), (20, 18, 18))
_VEHICLES = ("Car", "Van", "Truck", "Tram", "Misc")


@lru_cache(maxsize=4096)
def _vehicle(kind: str, hwl: tuple[float, float, float], variant: int) -> tuple[Part, ...]:
    draws = draws_for(16, variant)
    paint = _PAINTS[pick(draws, _PAINT_WEIGHTS)]
    if kind == "Car":
        return car_parts(hwl, CAR_STYLES[pick(draws, (0.42, 0.3, 0.28))], paint)
    if kind == "Van":
        paint = _VAN_PAINTS[pick(draws, (0.5, 0.14, 0.12, 0.14, 0.1))] if draws.random() < 0.75 else paint
        return van_parts(hwl, "glazed" if draws.random() < 0.5 else "panel", paint)
    load = _LOADS[pick(draws, (0.44, 0.16, 0.14, 0.12, 0.14))]
    if kind == "Truck":
        cab = _VAN_PAINTS[pick(draws, (0.35, 0.15, 0.2, 0.1, 0.2))]
        return truck_parts(hwl, ("box", "tipper", "tank")[pick(draws, (0.62, 0.23, 0.15))], cab, load)
    if kind == "Tram":
        return tram_parts(hwl, *_TRAMS[pick(draws, (0.75, 0.25))])
    style = ("caravan", "trailer", "machine")[pick(draws, (0.25, 0.45, 0.3))]
    return misc_parts(hwl, style, {"caravan": (226, 222, 210), "trailer": load, "machine": (214, 150, 30)}[style])


def _clothes(variant: int) -> Clothes:
    draws = draws_for(17, variant)
    return Clothes(
        jacket=_CLOTH[int(draws.integers(len(_CLOTH)))],
        trousers=_TROUSERS[int(draws.integers(len(_TROUSERS)))],
        hair=_HAIR[int(draws.integers(len(_HAIR)))],
        bag=_CLOTH[int(draws.integers(len(_CLOTH)))] if draws.random() < 0.35 else None,
    )


def paint_thing(canvas: Canvas, thing: Thing, light: Light) -> None:
    """Paint a thing of one of KITTI's types."""
    height, _, length = thing.hwl
    if thing.type in _VEHICLES:
        paint_parts(canvas, _vehicle(thing.type, thing.hwl, thing.variant), thing.pose, light)
        return
    clothes = _clothes(thing.variant)
    if thing.type == "Pedestrian":
        limbs = walking_limbs(height, thing.phase, clothes)
    elif thing.type == "Cyclist":
        limbs = cycling_limbs(height, length, thing.phase, clothes, _PAINTS[thing.variant % len(_PAINTS)])
    else:
        limbs = sitting_limbs(height, clothes)
    paint_limbs(canvas, limbs, thing.pose, light)


def paint_thing_shadow(canvas: Canvas, thing: Thing, look: Look) -> None:
    """Paint the shadow a thing casts on the ground; buildings, hedges, signs and poles cast none."""
    height, width, length = thing.hwl
    if thing.type in ("building", "hedge", "sign", "pole"):
        return
    if thing.type in ("tree", "bush"):
        length = width = width * 0.8
    if thing.type in _VEHICLES:
        length, width = length * 0.97, width * 0.95
    paint_shadow(canvas, thing.pose, (length, width), look.light, look.shadow, height, canvas.camera.slope)
