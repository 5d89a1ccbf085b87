"""Promises of splits: disjoint, the published sizes, the same for any order, and honest about shared drives."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kittidet.config import SplitConfig
from kittidet.errors import DatasetContractError
from kittidet.kitti.split import Leakage, Split, count_val, read_chen_list, split_frames

ALL = tuple(f"{k:06d}" for k in range(7481))


def config(method: str, **settings) -> SplitConfig:
    return SplitConfig(method=method, **settings)


def drives(sizes: list[int]) -> dict[str, str]:
    names = [f"drive_{k}" for k, size in enumerate(sizes) for _ in range(size)]
    return dict(zip(ALL, names, strict=False))


@pytest.mark.parametrize("method", ["random80", "chen", "drive"])
@pytest.mark.parametrize("ids", [(), ("000000",)])
def test_too_few_frames_to_split_are_an_error(method, ids):
    with pytest.raises(DatasetContractError, match=rf"expected at least 2 frames.* got {len(ids)}"):
        split_frames(ids, config=config(method), drive_of={})


def test_random80_has_the_published_sizes_on_full_kitti():
    split = split_frames(ALL, config=config("random80"), drive_of={})
    assert (len(split.train_ids), len(split.val_ids)) == (5985, 1496)
    assert sorted(split.train_ids + split.val_ids) == list(ALL)
    assert split.leakage is None


@pytest.mark.parametrize(
    ("frames", "share", "n_val"), [(0, 0.2, 0), (2, 0.2, 0), (3, 0.2, 1), (5, 0.5, 3), (7481, 0.2, 1496)]
)
def test_val_is_the_nearest_whole_number_halves_up(frames, share, n_val):
    assert count_val(frames, share) == n_val


@pytest.mark.parametrize("frames", [2, 3, 11])
def test_a_small_set_has_both_sides(frames):
    split = split_frames(ALL[:frames], config=config("random80"), drive_of={})
    assert split.train_ids
    assert split.val_ids


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_an_empty_side_is_an_error(share):
    with pytest.raises(DatasetContractError, match="has no frames out of 7481"):
        split_frames(ALL, config=config("random80", val_share=share), drive_of={})


@pytest.mark.parametrize("method", ["random80", "chen", "drive"])
def test_the_order_of_the_frames_does_not_matter(method):
    drive_of = drives([700] * 11)
    shuffled = list(ALL)
    random.Random(1).shuffle(shuffled)
    assert split_frames(shuffled, config=config(method), drive_of=drive_of) == split_frames(
        ALL, config=config(method), drive_of=dict(reversed(drive_of.items()))
    )


@pytest.mark.parametrize("method", ["random80", "drive"])
def test_the_seed_changes_the_split_and_the_same_seed_does_not(method):
    drive_of = drives([97, 103, 101, 99, 100, 100] * 12)
    ids = ALL[:7000]
    digests = [split_frames(ids, config=config(method, seed=s), drive_of=drive_of).digest for s in (0, 1, 0)]
    assert digests[0] == digests[2] != digests[1]


def test_the_split_does_not_depend_on_the_hash_seed_of_the_process():
    code = (
        "from kittidet.config import SplitConfig\nfrom kittidet.kitti.split import split_frames\n"
        "ids = [f'{k:06d}' for k in range(500)]\n"
        "for m in ('random80', 'drive'):\n"
        "    print(split_frames(set(ids), config=SplitConfig(method=m), drive_of={i: i[:5] for i in ids}).digest)\n"
    )
    outputs = {
        subprocess.check_output([sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, text=True)
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_random80_keeps_frames_on_their_side_when_others_are_set_aside():
    whole = split_frames(ALL, config=config("random80"), drive_of={})
    fewer = split_frames(ALL[10:], config=config("random80"), drive_of={})
    assert len(set(fewer.val_ids) - set(whole.val_ids)) <= 10


def test_chen_is_the_published_lists():
    split = split_frames(ALL, config=config("chen"), drive_of={})
    assert (len(split.train_ids), len(split.val_ids)) == (3712, 3769)
    assert (split.absent_ids, split.unlisted_ids) == ((), ())
    assert sorted(split.train_ids + split.val_ids) == list(ALL)


@pytest.mark.parametrize("name", ["train", "val"])
def test_the_packaged_lists_are_the_known_ones(real_csv, name):
    assert read_chen_list(name) == tuple(real_csv(f"ImageSets/{name}.txt").read_text().split())


def test_chen_names_what_is_absent_and_what_no_list_has():
    split = split_frames([*ALL[2:], "900000"], config=config("chen"), drive_of={})
    assert (split.absent_ids, split.unlisted_ids) == (("000000", "000001"), ("900000",))
    assert len(split.train_ids) + len(split.val_ids) == 7479


def test_chen_without_any_listed_frame_is_an_error():
    with pytest.raises(DatasetContractError, match=r"split chen: train has no frames.*split\.method"):
        split_frames(["900000", "900001"], config=config("chen"), drive_of={})


@pytest.mark.parametrize(
    ("sizes", "n_val"), [([1, 1], 1), ([8, 2], 2), ([50, 30, 17, 3], 20), ([100, 1], 1), ([5] * 10, 10)]
)
def test_drive_comes_as_near_to_the_share_as_can_be(sizes, n_val):
    ids = ALL[: sum(sizes)]
    split = split_frames(ids, config=config("drive"), drive_of=drives(sizes))
    assert len(split.val_ids) == n_val
    assert split.leakage == Leakage(0, 0.0)


@given(sizes=st.lists(st.integers(1, 40), min_size=2, max_size=7), seed=st.integers(0, 5), share=st.floats(0.05, 0.95))
def test_no_other_choice_of_drives_comes_nearer(sizes, seed, share):
    total = sum(sizes)
    drive_of = drives(sizes)
    split = split_frames(ALL[:total], config=config("drive", seed=seed, val_share=share), drive_of=drive_of)
    sums = {0}
    for size in sizes:
        sums |= {s + size for s in sums}
    best = min(abs(s - total * share) for s in sums - {0, total})
    assert abs(len(split.val_ids) - total * share) == pytest.approx(best)
    assert {drive_of[i] for i in split.train_ids}.isdisjoint({drive_of[i] for i in split.val_ids})


def test_drive_on_full_size_hits_the_share_exactly():
    generator = random.Random(3)
    drive_of = {i: f"drive_{min(generator.randrange(141), generator.randrange(141))}" for i in ALL}
    split = split_frames(ALL, config=config("drive"), drive_of=drive_of)
    assert (len(split.train_ids), len(split.val_ids)) == (5985, 1496)


@pytest.mark.parametrize(
    ("drive_of", "why"),
    [
        ({}, r"5 of 5 have none \(first: 000000, 000001.*devkit_object\.zip"),
        ({"000000": "a", "000001": "b"}, r"3 of 5 have none \(first: 000002"),
        (dict.fromkeys(ALL, "a"), "at least 2 drives, got only a"),
    ],
)
def test_drive_needs_the_drive_of_every_frame_and_two_of_them(drive_of, why):
    with pytest.raises(DatasetContractError, match=why):
        split_frames(ALL[:5], config=config("drive"), drive_of=drive_of)


def test_leakage_counts_val_frames_whose_drive_is_in_train():
    ids = ("000001", "000002", "000003", "000004", "000000")
    chen_train, chen_val = ("000000", "000003"), ("000001", "000002", "000004")
    drive_of = dict.fromkeys(("000000", "000001", "000002"), "a") | {"000003": "b"}
    split = split_frames(ids, config=config("chen"), drive_of=drive_of)
    assert (split.train_ids, split.val_ids) == (chen_train, chen_val)
    assert split.leakage == Leakage(2, 2 / 3)


def test_the_digest_is_of_the_lists_alone():
    by_drive = split_frames(ALL, config=config("chen"), drive_of=drives([4000, 3481]))
    assert by_drive.digest == split_frames(ALL, config=config("chen"), drive_of={}).digest
    assert by_drive.digest != split_frames(ALL[1:], config=config("chen"), drive_of={}).digest


def test_an_id_given_twice_is_a_mistake():
    with pytest.raises(ValueError, match="each frame id once"):
        split_frames(["000000", "000000", "000001"], config=config("random80"), drive_of={})


def test_lists_that_share_a_frame_are_no_split():
    with pytest.raises(ValueError, match="disjoint"):
        Split("x", ("a", "b"), ("b",), "0", None)


@pytest.mark.parametrize("lists", [{"train": ["b", "a.jpg"]}, {"train": ["a", "b"], "val": ["b.png", "a"]}])
def test_one_list_for_both_scores_what_was_trained_on(lists):
    made = SplitConfig(method="lists", train_list=Path("t"))
    split = split_frames(["a", "b", "c"], config=made, drive_of={"a": "d", "b": "d"}, lists=lists)
    assert split.train_ids == split.val_ids == ("a", "b")
    assert split.unlisted_ids == ("c",)
    assert split.leakage is not None
    assert split.leakage.share == 1


@pytest.mark.parametrize("method", ["given", "lists"])
def test_lists_decide_by_id_or_by_the_names_of_images(method):
    made = SplitConfig(method=method, train_list=Path("t"), val_list=Path("v"))
    lists = {"train": ["a.1", "images/b.jpg", "gone"], "val": ["c"]}
    split = split_frames(["a.1", "b", "c", "d"], config=made, drive_of={}, lists=lists)
    assert (split.train_ids, split.val_ids) == (("a.1", "b"), ("c",))
    assert (split.absent_ids, split.unlisted_ids) == (("gone",), ("d",))


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        ({}, "expected the data set to come with ImageSets/train.txt"),
        ({"train": ["a", "b"], "val": ["b.png"]}, r"1 frames are in both lists: \['b'\]"),
        ({"train": ["a"], "val": ["x"]}, "val has no frames out of 2 .such as 'a'."),
    ],
)
def test_lists_that_make_no_split_are_refused(lists, said):
    with pytest.raises(DatasetContractError, match=said):
        split_frames(["a", "b"], config=SplitConfig(method="given"), drive_of={}, lists=lists)
