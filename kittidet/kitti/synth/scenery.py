"""What stands beside the road without a label: buildings, trees, bushes, poles, signs, fences.

Things come from slots of the drive's length, seeded by their slot, so that consecutive frames see the same street.
"""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

from kittidet.kitti.synth.canvas import Canvas, Colour, mix, scaled
from kittidet.kitti.synth.draws import draws_for, pick
from kittidet.kitti.synth.mesh import Light, Part, PartBuilder, Pose, paint_parts
from kittidet.kitti.synth.world import FARTHEST_M, Placing, Thing

_LOT_M = 13.0  # a building and its yard
_POST_M = 9.0  # where a pole, sign, tree or bush may stand
_FACADES: tuple[Colour, ...] = (
    (206, 196, 176), (188, 170, 150), (226, 222, 212), (172, 150, 128), (160, 110, 92), (200, 182, 140),
    (178, 184, 186), (214, 170, 140), (150, 142, 138), (232, 226, 200),
)  # fmt: skip
_ROOFS: tuple[Colour, ...] = ((122, 62, 46), (96, 58, 48), (72, 70, 74), (140, 82, 58))
_LEAVES: tuple[Colour, ...] = ((58, 84, 38), (74, 98, 44), (44, 70, 36), (96, 104, 48), (118, 92, 44))
FOLIAGE_KINDS = 10


def scenery_of(placing: Placing) -> list[Thing]:
    """Return the scenery in sight in one frame."""
    return [*_lots(placing), *_posts(placing)]


def _lots(placing: Placing) -> list[Thing]:
    drive, street = placing.drive, placing.street
    things = []
    first = int(placing.s // _LOT_M) - 1
    for slot in range(first, first + int(FARTHEST_M / _LOT_M) + 3):
        for side in (-1, 1):
            draws = draws_for(drive.seed, 10, drive.number, slot + 1000, side + 1)
            z = (slot + 0.5) * _LOT_M - placing.s
            set_back = street.walk + float(draws.uniform(0.3, 5.0))
            edge = street.right + set_back if side > 0 else street.left - set_back
            variant = int(draws.integers(1 << 30))
            if draws.random() < street.greenery:
                for _ in range(3):
                    x = edge + side * float(draws.uniform(0.5, 9.0))
                    tree_z = z + float(draws.uniform(-6, 6))
                    height = float(draws.uniform(3.5, 10.0))
                    if tree_z > 2.5:
                        things.append(
                            Thing(
                                "tree",
                                placing.pose(x, tree_z, 0.0),
                                (height, height * 0.75, height * 0.75),
                                int(draws.integers(1 << 30)),
                            )
                        )
                continue
            depth, height = float(draws.uniform(8, 12)), float(draws.uniform(4.5, 12.0))
            length = _LOT_M - (0.0 if drive.kind == "city" and draws.random() < 0.7 else float(draws.uniform(0.5, 4)))
            if z + length / 2 > 1.5:
                pose = placing.pose(edge + side * depth / 2, z, -1.5707963)
                things.append(Thing("building", pose, (height, depth, length), variant))
    return things


def _posts(placing: Placing) -> list[Thing]:
    drive, street = placing.drive, placing.street
    things = []
    first = int(placing.s // _POST_M)
    for slot in range(first, first + int(80 / _POST_M)):
        for side in (-1, 1):
            draws = draws_for(drive.seed, 11, drive.number, slot + 1000, side + 1)
            kind = ("pole", "sign", "tree", "bush", "hedge", "bin", "")[
                pick(draws, (0.16, 0.12, 0.1, 0.14, 0.12, 0.06, 0.3))
            ]
            offset = float(draws.uniform(0.4, street.walk + 0.3))
            x = street.right + offset if side > 0 else street.left - offset
            z = (slot + float(draws.random())) * _POST_M - placing.s
            variant = int(draws.integers(1 << 30))
            hwl = {
                "pole": (float(draws.uniform(4, 7)), 0.14, 0.14),
                "sign": (float(draws.uniform(2.2, 3)), 0.65, 0.08),
                "tree": (float(draws.uniform(3.2, 6)), 2.6, 2.6),
                "bush": (float(draws.uniform(0.7, 1.8)), 1.4, 1.4),
                "hedge": (1.2, 0.9, 5.5),
                "bin": (1.15, 0.6, 0.6),
                "": (0.0, 0.0, 0.0),
            }[kind]
            if kind and z > 3.2:
                if kind in ("hedge", "tree"):
                    x += side * street.walk
                things.append(Thing(kind, placing.pose(x, z, -1.5707963), hwl, variant))
    return things


@lru_cache(maxsize=FOLIAGE_KINDS)
def foliage(kind: int) -> Image.Image:
    """Return a clump of leaves as an RGBA picture, 256x256, ragged at the edge, darker below."""
    draws = draws_for(12, kind)
    size = 256
    yy, xx = np.mgrid[0:size, 0:size].astype(np.float32) / (size / 2) - 1
    lump = np.zeros((size, size), np.float32)
    light = np.zeros((size, size), np.float32)
    for _ in range(26):
        angle, away = float(draws.uniform(0, 6.2832)), float(draws.uniform(0, 0.62))
        cx, cy = away * np.cos(angle), away * np.sin(angle) * 0.95
        radius = float(draws.uniform(0.16, 0.36))
        d = ((xx - np.float32(cx)) ** 2 + (yy - np.float32(cy)) ** 2) / np.float32(radius**2)
        inside = d < 1
        lump[inside] = 1
        light[inside] = (
            (1 - d) * 0.5 - (yy - np.float32(cy)) / np.float32(radius) * 0.25 + float(draws.uniform(0, 0.3))
        )[inside]
    leaves = draws.integers(0, 256, (size // 2, size // 2)).astype(np.uint8)
    speckle = (
        np.asarray(Image.fromarray(leaves).resize((size, size), Image.Resampling.BICUBIC)).astype(np.float32) / 255
    )
    soft = (
        np.asarray(Image.fromarray((lump * 255).astype(np.uint8)).filter(ImageFilter.BoxBlur(9))).astype(np.float32)
        / 255
    )
    alpha = (soft + (speckle - 0.5) * 0.55) > 0.5
    shade = 0.42 + 0.5 * np.clip(light, 0, 1) + 0.65 * (speckle - 0.42) - 0.18 * yy
    base = np.array(_LEAVES[kind % len(_LEAVES)], np.float32)
    rgba = np.empty((size, size, 4), np.uint8)
    rgba[..., :3] = np.clip(base * shade[..., None] * 1.45, 0, 255).astype(np.uint8)
    rgba[..., 3] = np.where(alpha, 255, 0)
    return Image.fromarray(rgba)


@lru_cache(maxsize=512)
def _building(hwl: tuple[float, float, float], variant: int) -> tuple[Part, ...]:
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
    floors, columns = max(1, int((height - 0.6) / 3.0)), max(2, int(length / float(draws.uniform(2.0, 3.2))))
    frame = (226, 224, 218) if draws.random() < 0.6 else scaled(wall, 0.6)
    shop = draws.random() < 0.25
    for floor in range(floors):
        low = 1.1 + floor * 3.0
        for column in range(columns):
            if draws.random() < 0.12:
                continue
            a = -length / 2 + (column + 0.5) * length / columns
            half, top = (0.42 * length / columns, low + 1.5) if shop and floor == 0 else (0.55, low + 1.35)
            bottom = 0.1 if floor == 0 and column == columns // 2 else low
            for r, grow, colour in ((side + 0.01, 0.1, frame), (side + 0.02, 0.0, pane)):
                part.both_sides(
                    [
                        (a - half - grow, bottom - grow, r),
                        (a - half - grow, top + grow, r),
                        (a + half + grow, top + grow, r),
                        (a + half + grow, bottom - grow, r),
                    ],
                    colour,
                )
    gable = PartBuilder((0, height, 0))
    if draws.random() < 0.7:
        ridge = height + float(draws.uniform(1.5, 3.5))
        gable.face(
            [
                (-length / 2, height, side + 0.3),
                (length / 2, height, side + 0.3),
                (length / 2, ridge, 0),
                (-length / 2, ridge, 0),
            ],
            roof,
        )
        gable.face(
            [
                (-length / 2, height, -side - 0.3),
                (length / 2, height, -side - 0.3),
                (length / 2, ridge, 0),
                (-length / 2, ridge, 0),
            ],
            roof,
        )
        for a in (-length / 2, length / 2):
            gable.face([(a, height, -side), (a, ridge, 0), (a, height, side)], wall)
        return part.build(), gable.build()
    return (part.build(),)


@lru_cache(maxsize=256)
def _post(kind: str, hwl: tuple[float, float, float], variant: int) -> tuple[Part, ...]:
    height, width, _ = hwl
    draws = draws_for(14, variant)
    part = PartBuilder((0, height / 2, 0))
    grey = int(draws.integers(70, 150))
    steel = (grey, grey, grey)
    if kind == "bin":
        colours: tuple[Colour, ...] = ((40, 70, 44), (60, 60, 64), (120, 96, 30), (40, 56, 96))
        colour = colours[int(draws.integers(4))]
        part.box((-0.3, 0.05, -0.3), (0.3, height, 0.3), colour, scaled(colour, 1.2))
        return (part.build(),)
    part.box((-0.06, 0, -0.06), (0.06, height, 0.06), steel)
    if kind == "pole":
        arm = PartBuilder((0, height, -0.7))
        arm.box((-0.04, height - 0.1, -1.5), (0.04, height, 0), steel)
        arm.box((-0.1, height - 0.16, -1.9), (0.1, height - 0.04, -1.4), (190, 190, 186))
        return part.build(), arm.build()
    plate = PartBuilder((0, height - 0.35, 0))
    colour, middle = (
        ((30, 70, 150), (226, 226, 226)),
        ((196, 30, 30), (232, 232, 232)),
        ((228, 196, 40), (40, 40, 40)),
        ((220, 220, 216), (120, 120, 120)),
    )[int(draws.integers(4))]
    half = width / 2
    for a, size, tone in ((-0.07, 1.0, colour), (-0.08, 0.6, middle)):
        for sign in (1, -1):
            plate.face(
                [
                    (sign * a, height - 0.35 + size * half * u, size * half * r)
                    for u, r in ((1, -0.4), (1, 0.4), (0.4, 1), (-0.4, 1), (-1, 0.4), (-1, -0.4), (-0.4, -1), (0.4, -1))
                ],
                tone,
            )
    return part.build(), plate.build()


def paint_scenery(canvas: Canvas, thing: Thing, light: Light) -> None:
    """Paint one piece of scenery."""
    if thing.type == "building":
        paint_parts(canvas, _building(thing.hwl, thing.variant), thing.pose, light)
    elif thing.type in ("pole", "sign", "bin"):
        paint_parts(canvas, _post(thing.type, thing.hwl, thing.variant), thing.pose, light)
    else:
        _paint_green(canvas, thing, light)


def _paint_green(canvas: Canvas, thing: Thing, light: Light) -> None:
    x, y, z = thing.pose.xyz
    height, width, length = thing.hwl
    brightness = light.ambient + 0.6 * light.direct
    kind = thing.variant % FOLIAGE_KINDS

    def clump(cx: float, low: float, high: float, cz: float, half: float, which: int) -> None:
        scale = canvas.camera.focal_px / cz
        left = canvas.camera.centre_xy[0] + (cx - half) * scale
        top = canvas.camera.centre_xy[1] + (y - high) * scale
        canvas.sprite(foliage(which), (left, top, left + 2 * half * scale, top + (high - low) * scale), brightness)

    if thing.type == "hedge":
        count = 5
        for k in range(count - 1, -1, -1):
            cz = z - length / 2 + (k + 0.5) * length / count
            if cz > 2.0:
                clump(x, -0.15, height, cz, width * 0.75, (kind + k % 2 * 5) % FOLIAGE_KINDS)
        return
    if thing.type == "tree":
        trunk = PartBuilder((0, height / 3, 0))
        trunk.box((-0.03 * height, 0, -0.03 * height), (0.03 * height, height * 0.5, 0.03 * height), (74, 60, 46))
        paint_parts(canvas, (trunk.build(),), Pose(thing.pose.xyz, 0.4), light)
        clump(x - 0.12 * width, height * 0.38, height * 0.9, z, width * 0.42, (kind + 5) % FOLIAGE_KINDS)
        clump(x, height * 0.3, height, z, width / 2, kind)
        return
    clump(x, -0.1, height, z, width / 2, kind)
