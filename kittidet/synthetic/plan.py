"""The plan of a set: its drives, their length and look, and who is met in them.

A set of N frames is cut into drives; each has one image size, one kind of street and one look. Encounters (a lorry
ahead, two people on chairs) are distributed over all drives first, so that classes appear at KITTI's frequencies and
even a small set has each of them. Everything that stands still beside the road depends only on the drive's number.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from kittidet.synthetic.draws import draws_for, from_quantiles, pick

# Image sizes and their frames in KITTI's training set (7,481): README of the object benchmark's copies.
SIZES_WH = ((1242, 375), (1224, 370), (1238, 374), (1241, 376))
SIZE_FRAMES = (6057, 770, 358, 296)
# A recording date per size, as in KITTI, but in a year without real drives.
DATES = ("2001_09_26", "2001_09_28", "2001_09_29", "2001_10_03")

KINDS = ("residential", "city", "road", "campus")
KIND_WEIGHTS = (0.4, 0.26, 0.24, 0.1)


@dataclass(frozen=True, slots=True)
class Encounter:
    """A road user met in a drive.

    Attributes:
        type: KITTI type, or "Traffic" (vehicles too far to label) or "Crowd" (people nobody labels one by one).
        number: seeds everything about it.
        frame: the frame of the drive at which its drawn depth ``z`` applies.
        life: it is present in frames ``frame - life .. frame + life``.
        z: its depth in that frame, metres.
    """

    type: str
    number: int
    frame: int
    life: int
    z: float


@dataclass(frozen=True, slots=True)
class Drive:
    """A stretch of consecutive frames with one look.

    Attributes:
        number: position in the set; with the set's seed it seeds the drive.
        seed: the set's seed.
        frames: how many.
        size_index: into ``SIZES_WH``.
        kind: kind of street.
        step_m: how far the camera moves from one frame to the next.
        encounters: the road users it meets.
    """

    number: int
    seed: int
    frames: int
    size_index: int
    kind: str
    step_m: float
    encounters: tuple[Encounter, ...]

    @property
    def date(self) -> str:
        """The recording date, ``2001_09_26``."""
        return DATES[self.size_index]

    @property
    def name(self) -> str:
        """The name in the mapping, ``2001_09_26_drive_0001_sync``."""
        return f"{self.date}_drive_{self.number + 1:04d}_sync"

    def frame_number(self, frame: int) -> int:
        """Return the number in the recording: every fifth image (half a second) of it is kept."""
        return 5 * frame


@dataclass(frozen=True, slots=True)
class _Rate:
    per_frame: float  # labelled objects per frame to come from encounters
    seen: float  # labels one encounter gives, on average, over all its frames
    life: int
    z: tuple[float, float, float, float, float]  # quantiles of depth, metres
    kinds: tuple[float, float, float, float]  # how likely in each kind of street


# The rates aim at KITTI's training set, 7,481 frames: per frame Car 3.84 (here more than half of them parked, which
# follow from the street), Van 0.39, Truck 0.146, Pedestrian 0.60, Person_sitting 0.030, Cyclist 0.2175, Tram 0.068,
# Misc 0.130, DontCare 1.51. They differ from these numbers by what is parked and by what is hidden when it is met.
# Depths: about the 5, 25, 50, 75, 95 % quantiles of the published labels of 3,712 training frames.
RATES: dict[str, _Rate] = {
    "Car": _Rate(1.25, 5.0, 4, (5.0, 12.0, 22.0, 36.0, 58.0), (0.4, 1.0, 1.6, 0.3)),
    "Van": _Rate(0.2, 4.0, 3, (6.0, 16.0, 30.9, 47.0, 67.2), (1.0, 1.0, 1.0, 0.3)),
    "Truck": _Rate(0.146, 4.0, 3, (8.0, 24.0, 36.0, 46.0, 70.0), (0.4, 0.8, 2.0, 0.1)),
    "Pedestrian": _Rate(0.55, 5.8, 3, (6.0, 8.5, 14.0, 22.0, 37.0), (0.3, 2.4, 0.05, 2.0)),
    "Person_sitting": _Rate(0.03, 2.6, 1, (7.3, 10.5, 14.8, 18.1, 23.5), (0.1, 2.0, 0.0, 2.0)),
    "Cyclist": _Rate(0.15, 4.0, 3, (5.5, 11.0, 18.0, 26.0, 38.0), (0.8, 1.6, 0.3, 2.0)),
    "Tram": _Rate(0.068, 3.6, 2, (8.0, 29.1, 50.0, 70.0, 80.0), (0.0, 2.0, 0.2, 0.0)),
    "Traffic": _Rate(0.55, 4.0, 4, (62.0, 72.0, 82.0, 92.0, 105.0), (1.0, 1.0, 1.6, 0.3)),
    "Crowd": _Rate(0.12, 3.5, 3, (14.0, 22.0, 32.0, 45.0, 60.0), (0.8, 2.0, 0.3, 2.0)),
    "Misc": _Rate(0.09, 3.5, 2, (5.5, 11.0, 18.0, 28.0, 50.0), (1.4, 0.8, 0.8, 0.4)),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """All drives of a set, and and the frame of a drive that each image shows.

    Attributes:
        drives: in the order of the mapping file.
        order: ``order[i]`` is the mapping line (0-based) that image ``i`` shows; a permutation.
    """

    drives: tuple[Drive, ...]
    order: tuple[int, ...]

    def locate(self, image: int) -> tuple[Drive, int]:
        """Return the drive of an image and the frame in it."""
        line = self.order[image]
        for drive in self.drives:
            if line < drive.frames:
                return drive, line
            line -= drive.frames
        raise IndexError(f"image {image} of {len(self.order)}")


@lru_cache(maxsize=8)
def plan_set(frames: int, seed: int) -> Plan:
    """Return the plan of a set; equal arguments give equal plans."""
    draws = draws_for(seed, 1)
    usual = min(48, max(4, frames // 12))
    lengths: list[int] = []
    while sum(lengths) < frames:
        length = int(draws.integers(max(2, usual // 2), usual + usual // 2 + 1))
        lengths.append(min(length, frames - sum(lengths)))
    shuffled = [pick(draws, SIZE_FRAMES) for _ in lengths]
    kinds = _spread_kinds(draws, len(lengths))
    encounters = _hand_out(draws, lengths, kinds)
    drives = tuple(
        Drive(
            number=k,
            seed=seed,
            frames=length,
            size_index=shuffled[k],
            kind=KINDS[kinds[k]],
            step_m=float(draws.uniform(2.5, 6.0)) * (2.0 if KINDS[kinds[k]] == "road" else 1.0),
            encounters=tuple(encounters[k]),
        )
        for k, length in enumerate(lengths)
    )
    # As in KITTI's mapping, lines are ordered by date and drive, and images are a shuffle of the lines.
    drives = tuple(sorted(drives, key=lambda drive: drive.name))
    return Plan(drives=drives, order=tuple(int(i) for i in draws.permutation(frames)))


def _spread_kinds(draws: np.random.Generator, count: int) -> list[int]:
    """Return a kind per drive, close to the shares even with few drives."""
    edges = np.cumsum(KIND_WEIGHTS)
    kinds = [int(np.searchsorted(edges, (k + 0.5) / count * edges[-1])) for k in range(count)]
    return [kinds[int(i)] for i in draws.permutation(count)]


def _hand_out(draws: np.random.Generator, lengths: list[int], kinds: list[int]) -> list[list[Encounter]]:
    met: list[list[Encounter]] = [[] for _ in lengths]
    number = 0
    for name, rate in RATES.items():
        weights = [length * rate.kinds[kind] for length, kind in zip(lengths, kinds, strict=True)]
        if sum(weights) == 0:
            weights = [float(length) for length in lengths]
        count = rate.per_frame * sum(lengths) / rate.seen
        for _ in range(max(1, int(count + draws.random()))):
            k = pick(draws, weights)
            number += 1
            z = min(108.0, max(5.0, from_quantiles(draws, rate.z)))
            met[k].append(Encounter(name, number, int(draws.integers(0, lengths[k])), rate.life, z))
    return met
