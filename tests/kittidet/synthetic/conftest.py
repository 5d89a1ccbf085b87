"""A camera, a light and something to paint on, for scenes made by hand."""

from math import sqrt

import pytest

from kittidet.synthetic.camera import camera_of
from kittidet.synthetic.canvas import Canvas
from kittidet.synthetic.look import look_of
from kittidet.synthetic.mesh import Light
from kittidet.synthetic.plan import plan_set
from kittidet.synthetic.render import blank_background


@pytest.fixture(scope="session")
def camera():
    return camera_of((1242, 375))


@pytest.fixture
def canvas(camera):
    """A grey canvas that nothing is painted on yet."""
    return Canvas(camera, blank_background(camera))


@pytest.fixture(scope="session")
def light():
    """A sun behind the camera, high on the right."""
    return Light(sun=(0.5, -sqrt(0.5), -0.5), ambient=0.5, direct=0.5)


@pytest.fixture(scope="session")
def drive():
    return plan_set(40, 3).drives[0]


@pytest.fixture(scope="session")
def look(drive):
    return look_of(drive)
