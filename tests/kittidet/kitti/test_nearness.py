"""How near validation frames are to training frames: in seconds of one drive, or by how alike they look."""

import json

import pytest

from kittidet.kitti.mapping import Moment
from kittidet.kitti.nearness import OTHER_DRIVE, Nearness, nearness_in_drives

MOMENTS = {"a": Moment("X", 10), "b": Moment("X", 20), "c": Moment("X", 200), "d": Moment("Y", 10), "e": Moment("Z", 0)}


@pytest.mark.parametrize(
    ("train", "val", "nearest"),
    [
        ([], ["a"], {"a": None}),
        (["b", "c"], ["a"], {"a": ("b", 1.0)}),
        (["a", "c"], ["b"], {"b": ("a", 1.0)}),
        (["a", "b", "e"], ["c", "d"], {"c": ("b", 18.0), "d": None}),
        (["a"], ["b", "unmapped"], {"b": ("a", 1.0)}),
        (["unmapped"], ["a"], {"a": None}),
    ],
)
def test_the_nearest_frame_is_one_of_the_same_drive(train, val, nearest):
    assert nearness_in_drives(train, val, MOMENTS).nearest == nearest


def test_of_two_equally_near_frames_the_earlier_is_named():
    moments = {name: Moment("X", frame) for name, frame in (("early", 0), ("late", 10), ("middle", 5))}
    assert nearness_in_drives(["late", "early"], ["middle"], moments).nearest == {"middle": ("early", 0.5)}


NEAREST = {"a": ("t", 0.1), "b": ("t", 1.0), "c": ("t", 10.0), "d": ("t", 10.1), "e": None}


def test_frames_are_grouped_by_seconds_and_drive():
    found = Nearness("seconds", NEAREST)
    assert list(found.groups().values()) == [["a", "b"], ["c"], ["d"], ["e"]]
    assert list(found.groups())[-1] == OTHER_DRIVE
    assert found.summary() == {"kind": "seconds", "frames": 5, "near": 2, "median": 5.5}


def test_frames_are_grouped_by_whether_they_look_like_a_training_frame():
    found = Nearness("hash_bits", {"a": ("t", 0.0), "b": ("t", 51.0), "c": ("t", 52.0)})
    assert list(found.groups().values()) == [["a", "b"], ["c"]]
    assert found.summary()["near"] == 2


def test_nearness_is_read_as_it_was_written_and_nothing_else_is():
    found = Nearness("seconds", NEAREST)
    assert Nearness.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert Nearness("seconds", {"e": None}).summary()["median"] is None
    with pytest.raises(ValueError, match="kind 'metres'"):
        Nearness.from_json({"kind": "metres", "nearest": {}})
