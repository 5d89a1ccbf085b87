from math import pi

import numpy as np
import pytest

from kittidet.synthetic.canvas import Canvas
from kittidet.synthetic.green import paint_green
from kittidet.synthetic.mesh import Light, Pose
from kittidet.synthetic.render import blank_background
from kittidet.synthetic.world import Thing

SIZES = {"tree": (6.0, 3.0, 3.0), "bush": (1.5, 1.4, 1.4), "hedge": (1.2, 0.9, 5.5)}


def plant(kind, x=-3.0, z=15.0, variant=4):
    return Thing(kind, Pose((x, 1.65, z), -pi / 2), SIZES[kind], variant)


@pytest.fixture
def paint(camera):
    def paint(thing, light):
        canvas = Canvas(camera, blank_background(camera))
        canvas.begin(1)
        paint_green(canvas, thing, light)
        return canvas, canvas.end()

    return paint


@pytest.mark.parametrize("kind", SIZES)
def test_a_plant_stands_where_it_is_as_high_as_it_is(paint, camera, light, kind):
    canvas, silhouette = paint(plant(kind), light)
    height, width, length = SIZES[kind]
    deep = length / 2 if kind == "hedge" else 0
    near, far = 15.0 - deep, 15.0 + deep
    # The hedge is lower than the camera: what is farther reaches higher in the image.
    top, foot = camera.project(np.array([[-3.0, 1.65 - height, far], [-3.0, 1.65, near]]))
    rows, columns = np.nonzero(canvas.numbers())
    assert rows.min() / 2 >= top[1] - 2
    assert rows.max() / 2 == pytest.approx(foot[1], abs=0.15 * (foot[1] - top[1]))
    assert columns.mean() / 2 == pytest.approx(top[0], abs=camera.focal_px * width / near)
    assert silhouette.painted > 100
    colour = canvas.finished()[canvas.numbers()[::2, ::2] == 1].mean(0)
    assert colour[1] > colour[2]


def test_the_same_plant_is_the_same_another_differs_and_shade_is_darker(paint, light):
    def picture(thing, light):
        return paint(thing, light)[0].finished()

    first = picture(plant("bush"), light)
    np.testing.assert_array_equal(first, picture(plant("bush"), light))
    assert (first != picture(plant("bush", variant=5), light)).any()
    assert picture(plant("bush"), Light(light.sun, 0.2, 0.1)).mean() < first.mean()


def test_a_hedge_beside_the_camera_is_left_out(paint, light):
    assert paint(plant("hedge", z=-3.0), light)[1].painted == 0
