from collections import Counter

import pytest

from kittidet.classes import KITTI_TYPES
from kittidet.synthetic.plan import SIZE_FRAMES, plan_set


@pytest.mark.parametrize("frames", [1, 2, 10, 100, 7481])
def test_every_image_shows_one_frame_of_one_drive(frames):
    plan = plan_set(frames, 3)
    assert sorted(plan.order) == list(range(frames))
    assert sum(drive.frames for drive in plan.drives) == frames
    shown = {(drive.name, frame) for drive, frame in map(plan.locate, range(frames))}
    assert len(shown) == frames


@pytest.mark.parametrize("frames", [10, 60, 1000])
def test_every_class_is_met_even_in_a_small_set(frames):
    plan = plan_set(frames, 5)
    assert set(KITTI_TYPES) <= {met.type for drive in plan.drives for met in drive.encounters}


def test_a_set_has_several_drives_with_different_names():
    plan = plan_set(40, 1)
    assert len(plan.drives) >= 5
    assert len({drive.name for drive in plan.drives}) == len(plan.drives)


def test_an_image_that_is_not_in_the_plan_is_an_error():
    with pytest.raises(IndexError):
        plan_set(3, 0).locate(3)


def test_sizes_come_at_the_published_shares():
    frames = Counter[int]()
    for seed in range(4):
        for drive in plan_set(7481, seed).drives:
            frames[drive.size_index] += drive.frames
    for size, published in enumerate(SIZE_FRAMES):
        assert frames[size] / (4 * 7481) == pytest.approx(published / 7481, abs=0.04)


def test_two_seeds_have_two_plans():
    assert plan_set(50, 1) == plan_set(50, 1)
    assert plan_set(50, 1).order != plan_set(50, 2).order
