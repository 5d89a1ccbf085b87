"""How near each validation frame is to a training frame: in its drive by seconds, else by how alike they look.

A random split puts neighbours of one video on both sides, and its AP is that of roads half known. Knows no scores; AP
by nearness is the report's.
"""

import bisect
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from kittidet.kitti.image_hash import NEAR_BITS, hash_images, nearest_hashes
from kittidet.kitti.mapping import FRAMES_PER_SECOND, Moment
from kittidet.kitti.tree import KittiTree

Kind: TypeAlias = Literal["seconds", "hash_bits"]

# At 50 km/h a car drives 14 m in a second: most of what is in one frame is in the other.
NEAR_SECONDS, SAME_SCENE_SECONDS = 1.0, 10.0
OTHER_DRIVE = "drive not in train"


@dataclass(frozen=True, slots=True)
class Nearness:
    """Every validation frame's nearest training frame.

    Attributes:
        kind: what distances are: ``seconds`` in the drive, or ``hash_bits`` of 256 that differ.
        nearest: validation frame -> training frame and distance; None where its drive has none. Frames whose own drive
            is not known, where those of others are, are left out.
    """

    kind: Kind
    nearest: Mapping[str, tuple[str, float] | None]

    @property
    def near_ids(self) -> list[str]:
        """The validation frames that are near a training frame: within a second, or nearly the same image."""
        limit = NEAR_SECONDS if self.kind == "seconds" else NEAR_BITS
        return [name for name, one in self.nearest.items() if one is not None and one[1] <= limit]

    def groups(self) -> dict[str, list[str]]:
        """Return the validation frames by how near they are, nearest first; a group may be empty."""
        if self.kind == "hash_bits":
            near = set(self.near_ids)
            return {
                "looks like a training frame": self.near_ids,
                "looks like none": [name for name in self.nearest if name not in near],
            }
        found: dict[str, list[str]] = {
            f"within {NEAR_SECONDS:g} s of a training frame": [],
            f"{NEAR_SECONDS:g} to {SAME_SCENE_SECONDS:g} s": [],
            f"same drive, more than {SAME_SCENE_SECONDS:g} s": [],
            OTHER_DRIVE: [],
        }
        groups = [*found.values()]
        for name, one in self.nearest.items():
            place = 3 if one is None else bisect.bisect_left((NEAR_SECONDS, SAME_SCENE_SECONDS), one[1])
            groups[place].append(name)
        return found

    def summary(self) -> dict[str, Any]:
        """Return JSON types: ``kind``, the ``frames`` compared, how many are ``near``, the ``median`` of distances."""
        distances = [one[1] for one in self.nearest.values() if one is not None]
        return {
            "kind": self.kind,
            "frames": len(self.nearest),
            "near": len(self.near_ids),
            "median": statistics.median(distances) if distances else None,
        }

    def to_json(self) -> dict[str, Any]:
        """Return JSON types."""
        return {"kind": self.kind, "nearest": {name: one and list(one) for name, one in self.nearest.items()}}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Nearness":
        """Return what `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: if it did not.
        """
        if values["kind"] not in {"seconds", "hash_bits"}:
            raise ValueError(f"kind {values['kind']!r}: expected seconds or hash_bits")
        nearest = {n: None if one is None else (str(one[0]), float(one[1])) for n, one in values["nearest"].items()}
        return cls(values["kind"], nearest)


def measure_nearness(tree: KittiTree, train_ids: Sequence[str], val_ids: Sequence[str]) -> Nearness:
    """Return how near the validation frames are: by the devkit's mapping where it names any of them, else by hash.

    Raises:
        DatasetContractError: if the mapping is wrong, or an image cannot be decoded.
    """
    moments = tree.moments()
    if any(frame_id in moments for frame_id in val_ids):
        return nearness_in_drives(train_ids, val_ids, moments)
    train, val = (hash_images([tree.image_path(i) for i in ids]) for ids in (train_ids, val_ids))
    places, bits = nearest_hashes(val, train)
    nearest = zip(val_ids, places.tolist(), bits.tolist(), strict=True)
    return Nearness("hash_bits", {name: (train_ids[place], float(differing)) for name, place, differing in nearest})


def nearness_in_drives(train_ids: Collection[str], val_ids: Collection[str], moments: Mapping[str, Moment]) -> Nearness:
    """Return the nearest training frame in the drive of each validation frame, in seconds; the earlier of equals."""
    by_drive: dict[str, list[tuple[int, str]]] = {}
    for name in train_ids:
        if name in moments:
            by_drive.setdefault(moments[name].drive, []).append((moments[name].frame, name))
    for frames in by_drive.values():
        frames.sort()
    nearest: dict[str, tuple[str, float] | None] = {}
    for name in val_ids:
        if name not in moments:
            continue
        moment, frames = moments[name], by_drive.get(moments[name].drive, [])
        place = bisect.bisect_left(frames, (moment.frame, ""))
        best = min(frames[max(place - 1, 0) : place + 1], key=lambda one: abs(one[0] - moment.frame), default=None)
        nearest[name] = None if best is None else (best[1], abs(best[0] - moment.frame) / FRAMES_PER_SECOND)
    return Nearness("seconds", nearest)
