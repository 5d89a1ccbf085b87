from math import pi

import numpy as np
import pytest

from kittidet.classes import KITTI8
from kittidet.synthetic.draws import draws_for
from kittidet.synthetic.mesh import Pose
from kittidet.synthetic.plan import plan_set
from kittidet.synthetic.world import Placing, Thing, camera_at, ground_box, keep_apart, size_of, street_of


def car(x: float, z: float, rotation_y: float = -pi / 2) -> Thing:
    return Thing("Car", Pose((x, 1.65, z), rotation_y), (1.5, 1.6, 4.0), 0)


def test_nobody_is_kept_who_stands_in_another_or_in_the_camera():
    first, inside, beside, camera = car(0, 20), car(0.5, 21), car(3, 20), car(0, 1)
    assert keep_apart([first, inside, beside, camera]) == [first, beside]
    assert keep_apart([inside, beside], [first]) == [beside]


def test_the_ground_box_holds_a_turned_thing_and_no_more():
    assert ground_box(car(1, 20)) == pytest.approx((0.2, 1.8, 18, 22))
    assert ground_box(car(1, 20, 0.0)) == pytest.approx((-1, 3, 19.2, 20.8))
    x1, x2, z1, z2 = ground_box(car(0, 20, 0.6))
    corners = car(0, 20, 0.6).pose.to_camera(np.array([[a, 0, r] for a in (-2, 2) for r in (-0.8, 0.8)]))
    assert (x1, x2) == pytest.approx((corners[:, 0].min(), corners[:, 0].max()))
    assert (z1, z2) == pytest.approx((corners[:, 2].min(), corners[:, 2].max()))


@pytest.mark.parametrize("kind", KITTI8.names)
def test_sizes_are_spread_around_the_classs_own(kind):
    draws = draws_for(5)
    sizes = np.array([size_of(kind, draws) for _ in range(300)])
    assert (sizes > 0.2).all()
    assert (sizes.std(0) > 0).all()
    assert (np.round(sizes, 2) == sizes).all()


def test_a_bend_moves_and_turns_what_is_far(drive):
    placing = Placing(drive, 2, camera_at(drive, 2), street_of(drive))
    near, far = placing.pose(1.0, 0.0, 0.0), placing.pose(1.0, 60.0, 0.0)
    bend = placing.street.bend
    assert (near.xyz[0], near.rotation_y) == (1.0, 0.0)
    assert far.xyz[0] == pytest.approx(1.0 + bend * 60**2 / 2)
    assert far.rotation_y == pytest.approx(bend * 60)
    assert far.xyz[1] == placing.camera.ground_y(60.0)
    assert placing.s == 2 * drive.step_m


def test_frames_of_a_drive_share_the_slope_but_for_a_nod():
    drive = plan_set(40, 3).drives[0]
    slopes = [camera_at(drive, frame).slope for frame in range(6)]
    assert len(set(slopes)) == 6
    assert np.ptp(slopes) < 0.006
    assert camera_at(drive, 4) == camera_at(drive, 4)


def test_every_street_has_its_lane_inside_its_kerbs():
    streets = [street_of(drive) for drive in plan_set(600, 1).drives]
    assert all(street.left < street.lane_left < 0 < street.right for street in streets)
    assert {street.parking == (0.0, 0.0) for street in streets} == {True, False}
