from math import pi

import numpy as np
import pytest

from kittidet.classes import KITTI8
from kittidet.synthetic.canvas import Canvas
from kittidet.synthetic.draws import draws_for
from kittidet.synthetic.mesh import Pose
from kittidet.synthetic.render import blank_background
from kittidet.synthetic.things import paint_thing, paint_thing_shadow
from kittidet.synthetic.world import Thing, size_of


def thing_of(kind, variant=3, z=18.0):
    return Thing(kind, Pose((1.5, 1.65, z), -pi / 2 + 0.3), size_of(kind, draws_for(1)), variant)


@pytest.fixture
def paint(camera, light):
    def paint(thing):
        canvas = Canvas(camera, blank_background(camera))
        canvas.begin(1)
        paint_thing(canvas, thing, light)
        return canvas.finished(), canvas.end()

    return paint


@pytest.mark.parametrize("kind", KITTI8.names)
def test_a_thing_fills_the_projection_of_its_own_size(paint, camera, kind):
    thing = thing_of(kind)
    height, width, length = thing.hwl
    corners = [[a, u, r] for a in (-length / 2, length / 2) for u in (0, height) for r in (-width / 2, width / 2)]
    px = camera.project(thing.pose.to_camera(np.array(corners)))
    left, top, right, bottom = paint(thing)[1].xyxy
    assert bottom == pytest.approx(px[:, 1].max(), abs=0.15 * np.ptp(px[:, 1]))
    assert bottom - top == pytest.approx(np.ptp(px[:, 1]), rel=0.2)
    assert right - left <= 1.2 * np.ptp(px[:, 0])
    assert right - left >= 0.45 * np.ptp(px[:, 0])


@pytest.mark.parametrize("kind", KITTI8.names)
def test_a_variant_is_a_look_of_its_own_and_always_the_same(paint, kind):
    np.testing.assert_array_equal(paint(thing_of(kind))[0], paint(thing_of(kind))[0])
    looks = {paint(thing_of(kind, variant))[0].tobytes() for variant in range(8)}
    assert len(looks) >= 2


def test_shadows_are_cast_by_things_and_trees_but_not_by_houses_or_posts(canvas, look):
    def painted(kind):
        canvas.begin(1)
        paint_thing_shadow(canvas, Thing(kind, Pose((0.0, 1.65, 15.0), -pi / 2), (1.6, 1.6, 4.0), 0), look)
        return canvas.end().painted

    assert all(painted(kind) > 0 for kind in ("Car", "Pedestrainn", "tree"))
    assert not any(painted(kind) for kind in ("building", "hedge", "sign", "pole"))
