"""Positions in one frame of a drive: labelled things, scenery, and their poses.

Road coordinates: ``s`` metres along the drive, ``x`` metres right of the camera's lane. The road bends gently, so a
thing at depth z is shifted by ``bend * z**2 / 2``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kittidet.synthetic.camera import Camera, camera_of
from kittidet.synthetic.draws import draws_for
from kittidet.synthetic.mesh import Pose
from kittidet.synthetic.plan import SIZES_WH, Drive

FARTHEST_M = 110.0

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
        variant: seeds its appearance.
        phase: moves its limbs, radians.
        labelled: False if it becomes part of a DontCare region.
    """

    type: str
    pose: Pose
    hwl: tuple[float, float, float]
    variant: int
    phase: float = 0.0
    labelled: bool = True


@dataclass(frozen=True, slots=True)
class Street:
    """The cross-section of a drive's road, metres right of the camera's lane centre.

    Attributes:
        left, right: kerbs.
        walk: width of the pavement on both sides.
        parking: share of occupied parking spaces, left and right; 0 where there is no parking.
        slanted: angle between parked cars on the left and the road, radians.
        bend: curvature, 1/m.
        lane_left: centre of the oncoming lane.
        greenery: 0..1, trees and bushes versus buildings.
    """

    left: float
    right: float
    walk: float
    parking: tuple[float, float]
    slanted: float
    bend: float
    lane_left: float
    greenery: float


def street_of(drive: Drive) -> Street:
    """Return the drive's street."""
    draws = draws_for(drive.seed, 2, drive.number)
    wide = drive.kind in ("city", "road")
    lanes = 2 if wide and draws.random() < 0.5 else 1
    parked = float(draws.uniform(0.0, 1.0))
    parking = {
        "residential": (parked, float(draws.uniform(0.0, 1.0))),
        "city": (0.4 * parked, 0.3 * parked),
        "road": (0.0, 0.0),
        "campus": (0.3 * parked, 0.0),
    }[drive.kind]
    slanted = float(draws.uniform(0.6, 1.57)) if draws.random() < 0.25 else 0.0
    kerb = 1.9 + (3.3 if lanes == 2 else 0.0)
    return Street(
        left=-(5.2 + (3.3 if lanes == 2 else 0.0) + (2.2 if parking[0] > 0 else 0.0)),
        right=kerb + (2.2 if parking[1] > 0 else 0.0),
        walk=float(draws.uniform(1.6, 3.5)),
        parking=parking,
        slanted=slanted,
        bend=float(draws.uniform(-0.0022, 0.0022)),
        lane_left=-3.4,
        greenery={"residential": 0.5, "city": 0.25, "road": 0.9, "campus": 0.7}[drive.kind],
    )


def camera_at(drive: Drive, frame: int, size_wh: tuple[int, int] | None = None) -> Camera:
    """Return the camera of a frame: the drive's slope plus a little pitching."""
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

    @property
    def step_m(self) -> float:
        """How far the camera moves from one frame to the next, metres."""
        return self.drive.step_m

    def pose(self, x: float, z: float, rotation_y: float) -> Pose:
        """Return the pose of a thing ``x`` right of the lane at depth ``z``; the road's bend turns it."""
        turn = self.street.bend * z
        return Pose((x + self.street.bend * z * z / 2, self.camera.ground_y(z), z), rotation_y + turn)


def ground_box(thing: Thing) -> tuple[float, float, float, float]:
    """Return the smallest upright rectangle on the ground around a thing: x from, x to, z from, z to, metres."""
    half = np.array([thing.hwl[2] / 2, 0.0, thing.hwl[1] / 2])
    dx, _, dz = (float(v) for v in half @ np.abs(thing.pose.axes()))
    x, _, z = thing.pose.xyz
    return x - dx, x + dx, z - dz, z + dz


def keep_apart(things: Sequence[Thing], standing: Sequence[Thing] = ()) -> list[Thing]:
    """Return the things, in order, that overlap neither one another, nor those already placed, nor the camera."""
    kept: list[Thing] = []
    boxes = [ground_box(thing) for thing in standing]
    boxes.append((-1.0, 1.0, -3.0, 0.8))
    for thing in things:
        x1, x2, z1, z2 = ground_box(thing)
        if all(x1 > b[1] or x2 < b[0] or z1 > b[3] or z2 < b[2] for b in boxes):
            kept.append(thing)
            boxes.append((x1, x2, z1, z2))
    return kept
