"""Where everything is in one frame of a drive: labelled things, scenery, and their poses.

Road coordinates: ``s`` metres along the drive, ``x`` metres right of the camera's lane. The road bends gently, so a
thing at depth z is shifted by ``bend * z**2 / 2``.
"""

from dataclasses import dataclass
from math import pi

import numpy as np

from kittidet.kitti.synth.camera import Camera, camera_of
from kittidet.kitti.synth.draws import draws_for, from_quantiles, pick
from kittidet.kitti.synth.mesh import Pose
from kittidet.kitti.synth.plan import SIZES_WH, Drive, Encounter

FARTHEST_M = 95.0
SLOT_M = 6.4  # a parking space

# Mean and spread of height, width, length by class, metres: published labels of 3,712 KITTI training frames.
_SIZES = {
    "Car": ((1.53, 0.11), (1.62, 0.08), (3.89, 0.4)),
    "Van": ((2.19, 0.25), (1.91, 0.12), (5.15, 0.6)),
    "Truck": ((3.36, 0.3), (2.61, 0.15), (9.2, 1.8)),
    "Pedestrian": ((1.77, 0.1), (0.63, 0.08), (0.82, 0.15)),
    "Person_sitting": ((1.28, 0.06), (0.54, 0.05), (1.06, 0.1)),
    "Cyclist": ((1.72, 0.08), (0.57, 0.08), (1.77, 0.1)),
    "Tram": ((3.53, 0.1), (2.36, 0.08), (15.56, 4.0)),
    "Misc": ((1.75, 0.4), (1.4, 0.35), (2.8, 0.9)),
}


@dataclass(frozen=True, slots=True)
class Thing:
    """Something to be painted.

    Attributes:
        type: a KITTI type, or the kind of scenery.
        pose: where it stands.
        hwl: height, width, length, metres.
        variant: seeds its looks.
        phase: moves its limbs, radians.
    """

    type: str
    pose: Pose
    hwl: tuple[float, float, float]
    variant: int
    phase: float = 0.0


@dataclass(frozen=True, slots=True)
class Street:
    """The cross-section of a drive's road, metres right of the camera's lane centre.

    Attributes:
        left, right: kerbs.
        walk: width of the pavement on both sides.
        parking: share of taken parking spaces, left and right; 0 where there is no parking.
        bend: curvature, 1/m.
        lane_left: centre of the oncoming lane.
        greenery: 0..1, trees and bushes against buildings.
    """

    left: float
    right: float
    walk: float
    parking: tuple[float, float]
    bend: float
    lane_left: float
    greenery: float


def street_of(drive: Drive) -> Street:
    """Return the drive's street."""
    draws = draws_for(drive.seed, 2, drive.number)
    wide = drive.kind in ("city", "road")
    lanes = 2 if wide and draws.random() < 0.5 else 1
    parked = float(draws.uniform(0.1, 0.9))
    parking = {
        "residential": (parked, float(draws.uniform(0.05, 0.9))),
        "city": (0.35 * parked, 0.3 * parked),
        "road": (0.0, 0.0),
        "campus": (0.3 * parked, 0.0),
    }[drive.kind]
    kerb = 1.9 + (3.3 if lanes == 2 else 0.0)
    return Street(
        left=-(5.2 + (3.3 if lanes == 2 else 0.0) + (2.2 if parking[0] > 0 else 0.0)),
        right=kerb + (2.2 if parking[1] > 0 else 0.0),
        walk=float(draws.uniform(1.6, 3.5)),
        parking=parking,
        bend=float(draws.uniform(-0.0022, 0.0022)),
        lane_left=-3.4,
        greenery={"residential": 0.5, "city": 0.25, "road": 0.9, "campus": 0.7}[drive.kind],
    )


def camera_at(drive: Drive, frame: int, size_wh: tuple[int, int] | None = None) -> Camera:
    """Return the camera of a frame: the drive's slope and a little nodding."""
    draws = draws_for(drive.seed, 3, drive.number)
    slope = float(draws.uniform(-0.006, 0.010))
    nod = float(draws_for(drive.seed, 4, drive.number, frame).uniform(-0.003, 0.003))
    return camera_of(size_wh or SIZES_WH[drive.size_index], slope=slope + nod)


def size_of(kind: str, draws: np.random.Generator) -> tuple[float, float, float]:
    """Return height, width, length drawn for a class, metres, two decimals."""
    h, w, length = (round(mean + spread * float(draws.uniform(-1.7, 1.7)), 2) for mean, spread in _SIZES[kind])
    return h, w, length


class Placing:
    """Puts things into camera coordinates for one frame."""

    def __init__(self, drive: Drive, frame: int, camera: Camera, street: Street) -> None:
        self.drive, self.frame, self.camera, self.street = drive, frame, camera, street
        self.s = frame * drive.step_m

    def pose(self, x: float, z: float, rotation_y: float) -> Pose:
        """Return the pose of a thing ``x`` right of the lane at depth ``z``; the road's bend turns it."""
        turn = self.street.bend * z
        return Pose((x + self.street.bend * z * z / 2, self.camera.ground_y(z), z), rotation_y + turn)


def objects_of(placing: Placing) -> list[Thing]:
    """Return everything that may get a label, nobody standing in another."""
    things = [
        thing for encounter in placing.drive.encounters if (found := _meet(placing, encounter)) for thing in found
    ]
    return _without_overlap([*things, *_parked(placing)])


def _parked(placing: Placing) -> list[Thing]:
    drive, street = placing.drive, placing.street
    things = []
    first = int((placing.s - 5) // SLOT_M)
    for slot in range(first, first + int(75 / SLOT_M)):
        for side, taken in enumerate(street.parking):
            draws = draws_for(drive.seed, 5, drive.number, slot + 1000, side)
            # Taken spaces come in stretches: driveways and crossings interrupt them.
            stretch = draws_for(drive.seed, 6, drive.number, (slot + 1000) // 4, side).random() < 0.65
            if not stretch or draws.random() > taken * 1.2:
                continue
            kind = ("Car", "Van", "Misc")[pick(draws, (0.93, 0.05, 0.02))]
            hwl = size_of(kind, draws)
            x = (street.left + 1.15 if side == 0 else street.right - 1.15) + float(draws.uniform(-0.15, 0.15))
            away = draws.random() < (0.25 if side == 0 else 0.8)
            turned = -pi / 2 if away else pi / 2
            z = slot * SLOT_M - placing.s + float(draws.uniform(-0.4, 0.4))
            if z > 2.5:
                pose = placing.pose(x, z, turned + float(draws.uniform(-0.05, 0.05)))
                things.append(Thing(kind, pose, hwl, int(draws.integers(1 << 30))))
    return things


def _meet(placing: Placing, met: Encounter) -> list[Thing]:
    ago = placing.frame - met.frame
    if abs(ago) > met.life:
        return []
    draws = draws_for(placing.drive.seed, 7, met.number)
    street, step = placing.street, placing.drive.step_m
    variant = int(draws.integers(1 << 30))
    hwl = size_of(met.type, draws)
    if met.type == "Person_sitting":
        return _seated(placing, met, draws, ago)
    if met.type == "Pedestrian":
        return _walkers(placing, met, draws, ago)
    if met.type == "Cyclist":
        away = draws.random() < 0.6
        x = float(
            draws.uniform(street.right - 1.2, street.right + 1.2)
            if away
            else draws.uniform(street.left, street.left + 1)
        )
        speed = (2.2 if away else -2.2) - step
        turned = (-pi / 2 if away else pi / 2) + float(draws.uniform(-0.5, 0.5))
    elif met.type == "Tram":
        x = float(draws.uniform(4.5, 9.0)) if draws.random() < 0.75 else float(draws.uniform(-9.0, -6.0))
        x = max(x, street.right + 1.6) if x > 0 else min(x, street.left - 1.6)
        away = draws.random() < 0.3
        speed = 1.5 if away else -4.0 - step
        turned = -pi / 2 if away else pi / 2
    elif met.type == "Misc":
        x = (
            street.right + float(draws.uniform(0.2, 1.5))
            if draws.random() < 0.5
            else street.left - float(draws.uniform(0, 1.5))
        )
        speed, turned = -step, float(draws.uniform(-pi, pi)) if draws.random() < 0.3 else pi / 2
    else:
        return _driving(placing, met, draws, ago, hwl, variant)
    z = met.z + speed * ago
    if not 3.0 < z < FARTHEST_M:
        return []
    phase = 1.3 * placing.frame + met.number
    return [Thing(met.type, placing.pose(x, z, turned), hwl, variant, phase)]


def _driving(
    placing: Placing,
    met: Encounter,
    draws: np.random.Generator,
    ago: int,
    hwl: tuple[float, float, float],
    variant: int,
) -> list[Thing]:
    street, step = placing.street, placing.drive.step_m
    way = pick(draws, (0.45, 0.33, 0.22))
    if way == 0:  # ahead, in the same direction
        x = float(draws.uniform(-0.3, 0.4)) if street.right < 4.5 or draws.random() < 0.5 else 3.4
        z, turned = max(7.0, met.z) + float(draws.uniform(-0.25, 0.35)) * step * ago, -pi / 2
    elif way == 1:  # oncoming
        x = (
            street.lane_left
            + float(draws.uniform(-0.3, 0.3))
            - (3.3 if street.left < -8.0 and draws.random() < 0.5 else 0.0)
        )
        z, turned = met.z - 1.6 * step * ago, pi / 2
    else:  # crossing or turning, or waiting at a junction
        side = 1 if draws.random() < 0.5 else -1
        x = side * float(draws.uniform(1.0, 9.0)) + side * 1.5 * ago
        z, turned = max(12.0, met.z) - 0.6 * step * ago, float(draws.uniform(0.15, 0.9)) * pi * side
    if not 3.0 + hwl[2] / 2 < z < FARTHEST_M:
        return []
    return [Thing(met.type, placing.pose(x, z, turned), hwl, variant)]


def _walkers(placing: Placing, met: Encounter, draws: np.random.Generator, ago: int) -> list[Thing]:
    street, things = placing.street, []
    way = -pi / 2 if draws.random() < 0.5 else pi / 2
    crossing = draws.random() < 0.22
    side = pick(draws, (0.45, 0.55))
    edge = street.right + 0.4 if side else street.left - 0.4 - street.walk
    x0 = edge + float(draws.uniform(0, street.walk))
    for k in range(1 + pick(draws, (0.7, 0.22, 0.08))):
        hwl, variant = size_of("Pedestrian", draws), int(draws.integers(1 << 30))
        x = x0 + 0.75 * k + float(draws.uniform(-0.1, 0.1))
        z = met.z + 0.4 * k - (placing.drive.step_m - (0.7 if way < 0 else -0.7)) * 0.6 * ago
        turned = way + float(draws.uniform(-0.3, 0.3))
        if crossing:
            x, turned = float(draws.uniform(-3, 3)) + 0.9 * ago + 0.8 * k, float(draws.uniform(-0.3, 0.3))
        if z > 3.5:
            phase = 2.1 * placing.frame + met.number + k
            things.append(Thing("Pedestrian", placing.pose(x, z, turned), hwl, variant, phase))
    return things


def _seated(placing: Placing, met: Encounter, draws: np.random.Generator, ago: int) -> list[Thing]:
    street, things = placing.street, []
    x0 = street.right + 1.0 + street.walk * 0.5 if draws.random() < 0.6 else street.left - 1.0 - street.walk * 0.5
    turned = float(draws.uniform(-pi, pi))
    for k in range(1 + pick(draws, (0.5, 0.4, 0.1))):
        hwl, variant = size_of("Person_sitting", draws), int(draws.integers(1 << 30))
        z = met.z - min(2.0, placing.drive.step_m) * ago + 0.9 * k
        if z > 3.5:
            things.append(Thing("Person_sitting", placing.pose(x0 + 0.3 * k, z, turned), hwl, variant))
    return things


def _without_overlap(things: list[Thing]) -> list[Thing]:
    kept: list[Thing] = []
    boxes: list[tuple[float, float, float, float]] = []
    for thing in things:
        corners = thing.pose.to_camera(
            np.array([[a, 0.0, r] for a in (-0.5, 0.5) for r in (-0.5, 0.5)])
            * np.array([thing.hwl[2], 0.0, thing.hwl[1]])
        )
        x1, x2 = float(corners[:, 0].min()), float(corners[:, 0].max())
        z1, z2 = float(corners[:, 2].min()), float(corners[:, 2].max())
        if z1 < 0.7 and x1 < 1.2 and x2 > -1.2:
            continue  # it would stand in the camera car
        if all(x1 > b[1] or x2 < b[0] or z1 > b[3] or z2 < b[2] for b in boxes):
            kept.append(thing)
            boxes.append((x1, x2, z1, z2))
    return kept


__all__ = ["FARTHEST_M", "Placing", "Street", "Thing", "camera_at", "from_quantiles", "objects_of", "street_of"]
