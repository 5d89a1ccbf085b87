"""Unlabelled things beside the road: buildings, trees, bushes, poles, signs, fences.

They come from slots along the drive, seeded by slot, so that consecutive frames show the same street.
"""

from collections.abc import Sequence

from kittidet.synthetic.bodies_street import building_parts, post_parts
from kittidet.synthetic.canvas import Canvas
from kittidet.synthetic.draws import draws_for, pick
from kittidet.synthetic.green import paint_green
from kittidet.synthetic.mesh import Light, paint_parts
from kittidet.synthetic.world import FARTHEST_M, Placing, Thing, keep_apart

_LOT_M = 13.0  # a building and its yard
# Street furniture and how likely it is where a post may stand; a skip is as big as a car, a pillar as slim as a person.
_POSTS = {
    "pole": 0.16,
    "sign": 0.12,
    "tree": 0.1,
    "bush": 0.13,
    "hedge": 0.11,
    "bin": 0.05,
    "cabinet": 0.05,
    "skip": 0.03,
    "pillar": 0.02,
    "": 0.23,
}
_POST_M = 9.0  # where a pole, sign, tree or bush may stand


def scenery_of(placing: Placing, objects: Sequence[Thing]) -> list[Thing]:
    """Return the scenery visible in one frame; it gives way to the objects."""
    # Only overlap with an object counts: trees may grow into one another.
    return [thing for thing in [*_lots(placing), *_posts(placing)] if keep_apart([thing], objects)]


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
            kind = tuple(_POSTS)[pick(draws, tuple(_POSTS.values()))]
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
                "cabinet": (1.2, 0.4, 1.3),
                "skip": (1.5, 1.7, 3.6),
                "pillar": (3.0, 1.1, 1.1),
                "": (0.0, 0.0, 0.0),
            }[kind]
            if kind and z > 3.2:
                if kind in ("hedge", "tree", "skip"):
                    x += side * street.walk
                things.append(Thing(kind, placing.pose(x, z, -1.5707963), hwl, variant))
    return things


def paint_scenery(canvas: Canvas, thing: Thing, light: Light) -> None:
    """Paint one piece of scenery."""
    if thing.type == "building":
        paint_parts(canvas, building_parts(thing.hwl, thing.variant), thing.pose, light)
    elif thing.type in ("tree", "bush", "hedge"):
        paint_green(canvas, thing, light)
    else:
        paint_parts(canvas, post_parts(thing.type, thing.hwl, thing.variant), thing.pose, light)
