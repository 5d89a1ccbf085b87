"""The road users in a frame: parked rows, and the drive's encounters at their current positions."""

from collections.abc import Callable
from math import pi

import numpy as np

from kittidet.synthetic.draws import draws_for, pick
from kittidet.synthetic.plan import Encounter
from kittidet.synthetic.world import FARTHEST_M, Placing, Thing, keep_apart, size_of

_SLOT_M = 5.9  # a parking space along the kerb
AWAY, TOWARDS = -pi / 2, pi / 2  # rotation_y of same-direction and of oncoming traffic


def objects_of(placing: Placing) -> list[Thing]:
    """Return everything that may get a label, with no two overlapping."""
    met: list[Thing] = []
    for encounter in placing.drive.encounters:
        if abs(placing.frame - encounter.frame) <= encounter.life:
            met += _HANDLERS[encounter.type](placing, encounter, draws_for(placing.drive.seed, 7, encounter.number))
    return keep_apart([*met, *_parked(placing)])


def _parked(placing: Placing) -> list[Thing]:
    drive, street = placing.drive, placing.street
    things = []
    first = int((placing.s - 5) // _SLOT_M)
    for slot in range(first, first + int(75 / _SLOT_M)):
        for side, taken in enumerate(street.parking):
            draws = draws_for(drive.seed, 5, drive.number, slot + 1000, side)
            # Occupied spaces come in stretches: driveways and crossings interrupt them.
            stretch = draws_for(drive.seed, 6, drive.number, (slot + 1000) // 4, side).random() < 0.7
            if not stretch or draws.random() > taken * 1.2:
                continue
            kind = ("Car", "Van", "Misc")[pick(draws, (0.965, 0.025, 0.01))]
            hwl, variant = size_of(kind, draws), int(draws.integers(1 << 30))
            slant = street.slanted if side == 0 else 0.0
            x = street.left + 1.15 - slant * 0.9 if side == 0 else street.right - 1.15
            x += float(draws.uniform(-0.15, 0.15))
            away = draws.random() < (0.25 if side == 0 else 0.8)
            turned = (AWAY if away else TOWARDS) + slant + float(draws.uniform(-0.05, 0.05))
            for k in range(2 if slant > 1 else 1):  # across the road, two fit where one fits along it
                z = slot * _SLOT_M + k * 2.9 - placing.s + float(draws.uniform(-0.3, 0.3))
                if z > 2.5:
                    things.append(Thing(kind, placing.pose(x, z, turned), hwl, variant + k))
    return things


def _vehicle(placing: Placing, met: Encounter, draws: np.random.Generator) -> list[Thing]:
    street, step, ago = placing.street, placing.step_m, placing.frame - met.frame
    variant, hwl = int(draws.integers(1 << 30)), size_of(met.type, draws)
    way = pick(draws, (0.42, 0.30, 0.28))
    second = draws.random() < 0.5
    if way == 0:  # ahead, in the same direction
        x = 3.4 if second and street.right > 4.5 and street.parking[1] == 0 else float(draws.uniform(-0.3, 0.4))
        z, turned = max(7.0, met.z) + float(draws.uniform(-0.25, 0.35)) * step * ago, AWAY
    elif way == 1:  # oncoming
        x = street.lane_left + float(draws.uniform(-0.3, 0.3)) - (3.3 if street.left < -8.0 and second else 0.0)
        z, turned = met.z - 1.6 * step * ago, TOWARDS
    else:  # crossing or turning, or waiting at a junction
        side = 1 if second else -1
        x = side * float(draws.uniform(1.0, 11.0)) + side * 1.5 * ago
        z, turned = max(8.0, met.z) - 0.6 * step * ago, float(draws.uniform(0.15, 0.9)) * pi * side
    if not 3.0 + hwl[2] / 2 < z < FARTHEST_M:
        return []
    return [Thing(met.type, placing.pose(x, z, turned), hwl, variant)]


def _cyclist(placing: Placing, met: Encounter, draws: np.random.Generator) -> list[Thing]:
    street, ago = placing.street, placing.frame - met.frame
    variant, hwl = int(draws.integers(1 << 30)), size_of(met.type, draws)
    away = draws.random() < 0.6
    x = (street.right if away else street.left + 0.5) + float(draws.uniform(-1.2, 1.2))
    z = met.z + ((1.6 if away else -1.2) - 0.6 * placing.step_m) * ago
    turned = (AWAY if away else TOWARDS) + float(draws.uniform(-1.1, 1.1))
    if not 3.0 < z < FARTHEST_M:
        return []
    return [Thing("Cyclist", placing.pose(x, z, turned), hwl, variant, 1.3 * placing.frame + met.number)]


def _tram(placing: Placing, met: Encounter, draws: np.random.Generator) -> list[Thing]:
    street, ago = placing.street, placing.frame - met.frame
    variant, hwl = int(draws.integers(1 << 30)), size_of(met.type, draws)
    right, away = draws.random() < 0.75, draws.random() < 0.3
    x = street.right + float(draws.uniform(1.6, 4.0)) if right else street.left - float(draws.uniform(1.6, 3.0))
    z = met.z + (1.5 if away else -4.0 - placing.step_m) * ago
    if not 3.0 < z - hwl[2] / 2 < FARTHEST_M:
        return []
    return [Thing("Tram", placing.pose(x, z, AWAY if away else TOWARDS), hwl, variant)]


def _misc(placing: Placing, met: Encounter, draws: np.random.Generator) -> list[Thing]:
    street, ago = placing.street, placing.frame - met.frame
    variant, hwl = int(draws.integers(1 << 30)), size_of(met.type, draws)
    right, askew = draws.random() < 0.5, draws.random() < 0.4
    x = street.right + float(draws.uniform(0.2, 1.5)) if right else street.left - float(draws.uniform(0.0, 1.5))
    turned = float(draws.uniform(-pi, pi)) if askew else TOWARDS
    z = met.z - placing.step_m * ago
    return [Thing("Misc", placing.pose(x, z, turned), hwl, variant)] if 3.0 < z < FARTHEST_M else []


def _walkers(placing: Placing, met: Encounter, draws: np.random.Generator) -> list[Thing]:
    street, ago = placing.street, placing.frame - met.frame
    things = []
    way = AWAY if draws.random() < 0.5 else TOWARDS
    crossing = draws.random() < 0.25
    edge = street.right + 0.4 if draws.random() < 0.55 else street.left - 0.4 - street.walk
    x0, across = edge + float(draws.uniform(0, street.walk)), float(draws.uniform(-4, 4))
    for k in range(1 + pick(draws, (0.55, 0.27, 0.12, 0.06))):
        hwl, variant = size_of("Pedestrian", draws), int(draws.integers(1 << 30))
        x, turned = x0 + 0.6 * k + float(draws.uniform(-0.1, 0.1)), way + float(draws.uniform(-0.3, 0.3))
        z = met.z + 0.4 * k - (placing.step_m - (0.7 if way == AWAY else -0.7)) * 0.6 * ago
        if crossing:
            x, turned = across + 0.9 * ago + 0.8 * k, turned - way
        if z > 3.5:
            phase = 2.1 * placing.frame + met.number + k
            things.append(Thing("Pedestrian", placing.pose(x, z, turned), hwl, variant, phase))
    return things


def _seated(placing: Placing, met: Encounter, draws: np.random.Generator) -> list[Thing]:
    street, ago = placing.street, placing.frame - met.frame
    things = []
    beside = 0.8 + street.walk * 0.4
    x0 = street.right + beside if draws.random() < 0.6 else street.left - beside
    turned = (0.0 if draws.random() < 0.5 else pi) + float(draws.uniform(-0.8, 0.8))
    for k in range(1 + pick(draws, (0.4, 0.45, 0.15))):
        hwl, variant = size_of("Person_sitting", draws), int(draws.integers(1 << 30))
        z = met.z - min(2.0, placing.step_m) * ago + 1.2 * k
        if z > 3.5:
            things.append(Thing("Person_sitting", placing.pose(x0 + 0.3 * k, z, turned), hwl, variant))
    return things


def _far_traffic(placing: Placing, met: Encounter, draws: np.random.Generator) -> list[Thing]:
    side, x0 = (1 if draws.random() < 0.5 else -1), float(draws.uniform(-9, 9))
    things = []
    for k in range(1 + int(draws.integers(0, 4))):
        kind = ("Car", "Van", "Truck")[pick(draws, (0.8, 0.12, 0.08))]
        hwl, variant = size_of(kind, draws), int(draws.integers(1 << 30))
        z = met.z + float(draws.uniform(-1, 1)) - 0.25 * placing.step_m * (placing.frame - met.frame)
        if z < FARTHEST_M:
            pose = placing.pose(x0 + side * 2.6 * k, z, TOWARDS)
            things.append(Thing(kind, pose, hwl, variant, labelled=False))
    return things


def _crowd(placing: Placing, met: Encounter, draws: np.random.Generator) -> list[Thing]:
    right = draws.random() < 0.5
    x0 = placing.street.right + 1.0 if right else placing.street.left - 1.0
    things = []
    for k in range(2 + int(draws.integers(0, 5))):
        hwl, variant = size_of("Pedestrian", draws), int(draws.integers(1 << 30))
        z = met.z + float(draws.uniform(-1, 1)) - 0.6 * placing.step_m * (placing.frame - met.frame)
        turned = float(draws.uniform(-pi, pi))
        if z > 6.0:
            pose = placing.pose(x0 + (0.7 if right else -0.7) * k, z, turned)
            things.append(Thing("Pedestrian", pose, hwl, variant, phase=float(k), labelled=False))
    return things


_HANDLERS: dict[str, Callable[[Placing, Encounter, np.random.Generator], list[Thing]]] = {
    "Car": _vehicle,
    "Van": _vehicle,
    "Truck": _vehicle,
    "Tram": _tram,
    "Misc": _misc,
    "Cyclist": _cyclist,
    "Pedestrian": _walkers,
    "Person_sitting": _seated,
    "Traffic": _far_traffic,
    "Crowd": _crowd,
}
