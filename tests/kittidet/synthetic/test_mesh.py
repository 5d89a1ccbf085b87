from dataclasses import replace
from math import pi

import numpy as np
import pytest

from kittidet.synthetic.mesh import PartBuilder, Pose, paint_parts, paint_shadow

WHITE, GREEN = (200, 200, 200), (0, 200, 0)


def box(top=None, low=(-2.0, 0.0, -0.8), high=(2.0, 1.5, 0.8)):
    part = PartBuilder((0, 0.75, 0))
    part.box(low, high, WHITE, top)
    return part.build()


def painted(canvas, *parts, pose, light):
    canvas.begin(1)
    paint_parts(canvas, parts, pose, light)
    return canvas.end()


def test_faces_look_away_from_the_inside_whatever_the_order_of_their_corners():
    part = box()
    assert part.ends == (4, 8, 12, 16, 20)
    expected = [(-1, 0, 0), (1, 0, 0), (0, 0, -1), (0, 0, 1), (0, 1, 0)]
    np.testing.assert_allclose(part.normals, expected, atol=1e-12)


def test_a_face_without_area_is_left_out_and_a_mirrored_one_is_on_the_left():
    part = PartBuilder((0, 0, 0))
    part.face([(0, 0, 1), (1, 0, 1), (2, 0, 1)], WHITE)
    part.both_sides([(0, 0, 1), (1, 0, 1), (0, 1, 1)], WHITE)
    built = part.build()
    assert built.ends == (3, 6)
    np.testing.assert_array_equal(built.points[3:] * (1, 1, -1), built.points[:3])
    np.testing.assert_allclose(built.normals, [(0, 0, 1), (0, 0, -1)], atol=1e-12)


@pytest.mark.parametrize(("rotation_y", "ahead"), [(0.0, (1, 0, 0)), (-pi / 2, (0, 0, 1)), (pi / 2, (0, 0, -1))])
def test_a_pose_turns_as_kittis_rotation_y_does(rotation_y, ahead):
    pose = Pose((3.0, 1.65, 20.0), rotation_y)
    forward, up = pose.to_camera(np.array([[1.0, 0, 0], [0, 1.0, 0]])) - np.array(pose.xyz)
    np.testing.assert_allclose(forward, ahead, atol=1e-12)
    np.testing.assert_allclose(up, (0, -1, 0), atol=1e-12)


def test_a_painted_box_covers_the_projection_of_its_corners(canvas, camera, light):
    pose = Pose((1.0, 1.65, 14.0), 0.7)
    silhouette = painted(canvas, box(), pose=pose, light=light)
    corners = camera.project(pose.to_camera(box().points))
    np.testing.assert_allclose(silhouette.xyxy, [*corners.min(0), *corners.max(0)], atol=0.5)


def test_only_faces_that_look_at_the_camera_are_painted(canvas, light):
    painted(canvas, box(top=GREEN), pose=Pose((-4.0, 1.65, 14.0), 0.0), light=light)
    assert ((canvas.finished() * (1, -1, 1)).sum(2) < -50).any()  # from above: 1.5 m under a camera at 1.65 m
    before = canvas.finished().copy()
    painted(canvas, box(top=GREEN), pose=Pose((4.0, 0.65, 14.0), 0.0), light=light)
    added = canvas.finished()[(canvas.finished() != before).any(2)]
    assert len(added) > 100
    assert (np.ptp(added.astype(int), axis=1) < 5).all()  # greys alone: its top is above the eye


def test_of_two_pieces_the_nearer_is_painted_last(canvas, light):
    near = PartBuilder((-3, 0.75, 0))
    near.box((-4.0, 0.0, -0.8), (-2.0, 1.5, 0.8), GREEN)
    painted(canvas, near.build(), box(), pose=Pose((0.0, 1.65, 14.0), -pi / 2), light=light)
    middle = canvas.finished()[215, 609].astype(int)
    assert middle[1] > middle[0] + 50


def test_a_side_in_the_sun_is_brighter(canvas, light):
    brightness = []
    for sun in ((0.0, -0.6, -0.8), (0.0, -0.6, 0.8)):
        painted(canvas, box(), pose=Pose((0.0, 1.65, 14.0), 0.0), light=replace(light, sun=sun))
        brightness.append(int(canvas.finished()[215, 609, 0]))
    assert brightness == [180, 100]


def test_a_body_that_the_camera_stands_in_is_cut_at_the_near_plane(canvas, light):
    assert painted(canvas, box(), pose=Pose((0.0, 1.65, -9.0), -pi / 2), light=light).painted == 0
    assert painted(canvas, box(), pose=Pose((1.5, 1.65, 1.0), -pi / 2), light=light).painted > 0


def test_a_shadow_lies_on_the_ground_away_from_the_sun_and_is_longer_when_the_sun_is_low(canvas, camera, light):
    reach = {}
    for height, sun in (("high", (0.6, -0.8, 0.0)), ("low", (0.9, -0.4359, 0.0))):
        canvas.begin(1)
        pose = Pose((0.0, 1.65, 14.0), -pi / 2)
        paint_shadow(canvas, pose, (4.0, 1.6), replace(light, sun=sun), (40, 40, 40), 1.5, 0.0)
        left, top, right, bottom = canvas.end().xyxy
        (foot,) = camera.project(np.array([[0.8, 1.65, 12.0]]))
        assert right == pytest.approx(foot[0], abs=1)
        assert bottom == pytest.approx(foot[1], abs=1)
        assert top > camera.horizon_px
        reach[height] = right - left
    assert reach["low"] > 1.3 * reach["high"]
