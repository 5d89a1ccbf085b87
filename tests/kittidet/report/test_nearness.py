"""No AP of a split whose sides share drives without what it is on other drives, or why that is not known."""

import pytest

from kittidet.eval.subset import SubsetAp
from kittidet.kitti.nearness import OTHER_DRIVE, Nearness
from kittidet.report.nearness import describe_nearness, nearness_table, nearness_tiles

NEAR = SubsetAp("within 1 s of a training frame", 30, 200, 0.6, 0.9, (0.55, 0.65))
OTHER = SubsetAp(OTHER_DRIVE, 10, 50, 0.4, 0.7, (0.3, 0.5))
NO_OTHER = SubsetAp(OTHER_DRIVE, 0, 0, None, None, None)
ALIKE = SubsetAp("looks like a training frame", 8, 50, 0.7, 0.9, (0.6, 0.8))
UNLIKE = SubsetAp("looks like none", 32, 50, 0.5, 0.7, (0.4, 0.6))
SHARED = {"shared_val_frames": 30, "share": 0.75}
SECONDS = {"kind": "seconds", "frames": 40, "near": 20, "median": 0.4}


def bits(near):
    return {"kind": "hash_bits", "frames": 40, "near": near, "median": 80.0}


@pytest.mark.parametrize(
    ("leakage", "nearness", "groups", "fine", "words"),
    [
        (None, None, (), False, "Leakage is unknown."),
        ({"shared_val_frames": 0, "share": 0.0}, SECONDS, (NEAR, OTHER), True, "None of the 40"),
        (SHARED, None, (), False, "75% leakage. 30 of 40 validation frames come from a drive"),
        (SHARED, SECONDS, (NEAR, OTHER), False, "0.4 s away in the median, and at most 1 s for 50% of all."),
        (
            SHARED,
            SECONDS,
            (NEAR, OTHER),
            False,
            "On the 10 frames of other drives it is 0.400 (0.300\N{EN DASH}0.500): expect",
        ),
        (SHARED, SECONDS, (NEAR, NO_OTHER), False, "No validation frame is of another drive, so how much is unknown"),
        (None, bits(8), (ALIKE, UNLIKE), False, "20% near-duplicates. No drives are known"),
        (
            None,
            bits(8),
            (ALIKE, UNLIKE),
            False,
            "AP on these is 0.700, on the others 0.500: the latter is nearer",
        ),
        (None, bits(0), (NO_OTHER, UNLIKE), False, "No near-duplicates, but drives are unknown."),
    ],
)
def test_it_is_said_how_near_validation_is_to_training_and_what_to_expect(leakage, nearness, groups, fine, words):
    told = describe_nearness({"leakage": leakage, "nearness": nearness, "n_val": 40}, groups)
    assert told["fine"] is fine
    assert words in f"{told['title']} {told['text']}"


def test_of_a_detector_scored_on_what_it_was_trained_on_nothing_is_promised():
    summary = {"leakage": SHARED, "nearness": SECONDS, "n_val": 40, "val_is_train": True}
    told = describe_nearness(summary, (NEAR, OTHER))
    assert not told["fine"]
    assert "scored on the frames that it was trained on, all 40 of them" in told["text"]
    assert [tile["value"] for tile in nearness_tiles(summary, (NEAR, OTHER))] == ["-"]


@pytest.mark.parametrize(
    ("leakage", "nearness", "groups", "values", "words"),
    [
        (None, None, (), ["?"], "unknown whether"),
        ({"shared_val_frames": 0, "share": 0.0}, SECONDS, (NEAR, OTHER), [], ""),
        (SHARED, SECONDS, (NEAR, OTHER), ["0.400", "75%"], "drives not in training, 0.300\N{EN DASH}0.500, 10 frames"),
        (SHARED, SECONDS, (NEAR, OTHER), ["0.400", "75%"], "the nearest frame 0.4 s away (median)"),
        (SHARED, SECONDS, (NEAR, NO_OTHER), ["-", "75%"], "no validation frame is of that kind"),
        (SHARED, None, (), ["-", "75%"], "not measured in this run"),
        (None, bits(8), (ALIKE, UNLIKE), ["0.500", "20%"], "look like a training frame"),
    ],
)
def test_beside_the_ap_stands_that_of_unseen_frames_or_a_reason(leakage, nearness, groups, values, words):
    tiles = nearness_tiles({"leakage": leakage, "nearness": nearness, "n_val": 40}, groups)
    assert [tile["value"] for tile in tiles] == values
    assert words in " ".join(tile["label"] for tile in tiles)


def test_the_table_has_a_row_for_each_group():
    table = nearness_table([NEAR, NO_OTHER])
    assert table is not None
    assert table["rows"] == [
        (NEAR.name, "30", "200", "0.600", "0.55\N{EN DASH}0.65", "0.900"),
        (OTHER_DRIVE, "0", "0", "-", "", "-"),
    ]
    assert nearness_table([]) is None


def test_the_groups_of_images_that_look_alike_are_two():
    """The sentences take them by position."""
    assert len(Nearness("hash_bits", {}).groups()) == 2
