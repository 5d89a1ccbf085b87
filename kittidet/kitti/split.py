"""Splits frames into two lists, train and val, disjoint or, on purpose, the same; identified by one digest.

The lists depend only on the set of frames, the method and the seed, not on the order of the frames or on the
machine. Neighbouring frames of a drive look alike, so a val frame whose drive is also in train is half familiar to the
detector; where the drives are known, every split reports how many such frames it has.
"""

import hashlib
import logging
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType

from kittidet.config import SplitConfig
from kittidet.errors import DatasetContractError
from kittidet.files import digest_of
from kittidet.kitti.lists import frame_id_of
from kittidet.progress import in_words

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Leakage:
    """How much of val also appears in train, as another moment of the same drive.

    Attributes:
        shared_val_frames: frames of val whose drive has frames in train.
        share: the same as a share of val, 0..1.
    """

    shared_val_frames: int
    share: float


@dataclass(frozen=True, slots=True)
class Split:
    """Two lists of frame ids, each sorted, which are disjoint or the same.

    Attributes:
        method: how they were made.
        train_ids: frames to train on.
        val_ids: frames to score on.
        digest: sha256 that identifies the two lists.
        leakage: drives on both sides; None where no drive is known.
        absent_ids: frames in the lists that are not there or were set aside (chen, given and lists).
        unlisted_ids: frames that are in neither list (chen, given and lists).
    """

    method: str
    train_ids: tuple[str, ...]
    val_ids: tuple[str, ...]
    digest: str
    leakage: Leakage | None
    absent_ids: tuple[str, ...] = ()
    unlisted_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        both = set(self.train_ids) & set(self.val_ids) if self.train_ids != self.val_ids else set()
        if both or len(set(self.train_ids)) != len(self.train_ids) or len(set(self.val_ids)) != len(self.val_ids):
            raise ValueError(
                f"split {self.method}: expected disjoint lists of different ids, shared: {sorted(both)[:5]}"
            )


def split_frames(
    frame_ids: Collection[str],
    *,
    config: SplitConfig,
    drive_of: Mapping[str, str],
    lists: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Split:
    """Return the split of the given frames by the configured method.

    Args:
        frame_ids: the frames that passed validation, in any order.
        config: method, seed and share of val.
        drive_of: frame id -> drive; empty where it is not known.
        lists: given and lists: ``train`` and ``val`` -> frame ids, or names of their files. Without ``val``, or where
            both are equal, the frames that are trained on are scored.

    Raises:
        ValueError: if an id is given twice.
        DatasetContractError: if a list would be empty, some frames are in both, or the method needs drives or lists
            that are not known.
    """
    ids = sorted(frame_ids)
    if len(set(ids)) != len(ids):
        raise ValueError("split_frames: expected each frame id once")
    if len(ids) < 2:
        raise DatasetContractError(
            f"split {config.method}: expected at least 2 frames, one to train on and one to score, got {len(ids)}. "
            "Check the data set and the findings of its validation."
        )
    absent: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()
    if config.method == "random80":
        train, val = _split_random(ids, seed=config.seed, val_share=config.val_share)
    elif config.method == "drive":
        train, val = _split_by_drive(ids, seed=config.seed, val_share=config.val_share, drive_of=drive_of)
    else:
        train_list, val_list = _find_lists(config.method, lists, set(ids))
        train, val = sorted(set(ids) & set(train_list)), sorted(set(ids) & set(val_list))
        absent = tuple(sorted({*train_list, *val_list} - set(ids)))
        unlisted = tuple(sorted(set(ids) - {*train_list, *val_list}))
    for name, members in (("train", train), ("val", val)):
        if not members:
            raise DatasetContractError(
                f"split {config.method}: {name} has no frames out of {len(ids)} (such as {ids[0]!r}). "
                "Choose another `split.method` or `split.val_share`, or correct the list."
            )
    found = Split(
        config.method,
        tuple(train),
        tuple(val),
        digest_of({"train": train, "val": val}),
        _leakage(train, val, drive_of),
        absent,
        unlisted,
    )
    log.info(
        "split method=%s train=%d val=%d absent=%d unlisted=%d digest=%s",
        *(found.method, len(train), len(val), len(absent), len(unlisted), found.digest[:16]),
        extra=in_words(f"{len(train)} frames to train on, {len(val)} to score on"),
    )
    return found


def _find_lists(method: str, lists: Mapping[str, Sequence[str]], known: set[str]) -> tuple[set[str], set[str]]:
    """Return the ids of train and val, in lists that a person or a data set gives without folders and suffixes."""
    if method == "chen":
        return set(read_chen_list("train")), set(read_chen_list("val"))
    if not lists:
        raise DatasetContractError(
            f"split {method}: expected the data set to come with ImageSets/train.txt and ImageSets/val.txt, or as COCO "
            "or YOLO with train and val, got neither. Choose another `split.method`."
        )
    named = (lists["train"], lists.get("val", lists["train"]))
    train, val = ({i if i in known else frame_id_of(i) for i in entries} for entries in named)
    if train & val and train != val:
        raise DatasetContractError(
            f"split {method}: {len(train & val)} frames are in both lists: {sorted(train & val)[:5]}. "
            "A frame that is trained on cannot be scored; remove it from one, or give one list for both on purpose."
        )
    return train, val


def read_chen_list(name: str) -> tuple[str, ...]:
    """Return Chen's published list, ``train`` (3,712 frames) or ``val`` (3,769), which KITTI papers compare on.

    Source:
        Chen et al., "3D Object Proposals for Accurate Object Class Detection", NIPS 2015: no video in both lists.
    """
    text = (resources.files("kittidet.kitti") / "imagesets" / f"{name}.txt").read_text(encoding="ascii")
    return tuple(text.split())


def count_val(frames: int, val_share: float) -> int:
    """Return how many of the frames go to val: the nearest whole number, halves up (7,481 at 0.2: 1,496)."""
    return math.floor(frames * val_share + 0.5)


def _split_random(ids: Sequence[str], *, seed: int, val_share: float) -> tuple[list[str], list[str]]:
    # Ranking by digest: a frame keeps its side when others come or go, and no random generator has to stay the same.
    n_val = count_val(len(ids), val_share)
    if 0 < val_share < 1:
        n_val = min(max(n_val, 1), len(ids) - 1)
    val = set(sorted(ids, key=lambda frame_id: _rank(seed, frame_id))[:n_val])
    return [i for i in ids if i not in val], [i for i in ids if i in val]


def _split_by_drive(
    ids: Sequence[str], *, seed: int, val_share: float, drive_of: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    unknown = [i for i in ids if i not in drive_of]
    if unknown:
        raise DatasetContractError(
            f"split drive: expected the drive of every frame, {len(unknown)} of {len(ids)} have none "
            f"(first: {', '.join(unknown[:5])}). Put the devkit's mapping/ (devkit_object.zip) beside training/, "
            "or choose another `split.method`."
        )
    sizes = Counter(drive_of[i] for i in ids)
    if len(sizes) < 2:
        raise DatasetContractError(
            f"split drive: expected frames of at least 2 drives, got only {next(iter(sizes))}. "
            "Choose another `split.method`."
        )
    drives = sorted(sizes, key=lambda drive: _rank(seed, drive))
    chosen = _choose_drives([sizes[d] for d in drives], len(ids) * val_share)
    val_drives = {drives[k] for k in chosen}
    return [i for i in ids if drive_of[i] not in val_drives], [i for i in ids if drive_of[i] in val_drives]


def _choose_drives(sizes: Sequence[int], wanted: float) -> list[int]:
    """Return the positions of the drives whose sizes sum up as close to the wanted number as any choice of drives can.

    Bit ``s`` of ``reach[k]`` means that some of the first ``k`` drives sum up to ``s``; walking back from the best sum
    takes a drive only where it must, so that drives early in the (seeded) order are preferred.
    """
    reach = [1]
    for size in sizes:
        reach.append(reach[-1] | (reach[-1] << size))
    total = sum(sizes)
    rest = min((s for s in range(1, total) if reach[-1] >> s & 1), key=lambda s: (abs(s - wanted), s))
    chosen = []
    for k in range(len(sizes), 0, -1):
        if not reach[k - 1] >> rest & 1:
            chosen.append(k - 1)
            rest -= sizes[k - 1]
    return chosen


def _leakage(train: Sequence[str], val: Sequence[str], drive_of: Mapping[str, str]) -> Leakage | None:
    if not any(i in drive_of for i in (*train, *val)):
        return None
    train_drives = {drive_of[i] for i in train if i in drive_of}
    shared = sum(drive_of.get(i) in train_drives for i in val)
    return Leakage(shared, shared / len(val))


def _rank(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()
