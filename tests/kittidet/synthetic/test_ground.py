import numpy as np
import pytest

from kittidet.synthetic.camera import camera_of
from kittidet.synthetic.ground import grain, paint_background
from kittidet.synthetic.world import street_of

CAMERA = camera_of((620, 187))


@pytest.fixture
def background(drive, look):
    def paint(s=0.0, camera=CAMERA):
        return paint_background(camera, look, street_of(drive), s, drive.number)

    return paint


def test_the_grain_repeats_without_a_seam():
    for texture in grain():
        assert texture.shape == (512, 512)
        assert np.abs(texture).max() <= 1
        inside = np.abs(np.diff(texture, axis=1)).mean()
        assert np.abs(texture[:, 0] - texture[:, -1]).mean() < 1.5 * inside


def test_the_road_is_below_the_horizon_and_the_sky_above(background, look):
    picture = background().astype(int)
    assert picture.shape == (187, 620, 3)
    horizon = round(CAMERA.horizon_px)
    # Seventy rows above the horizon are kept for the far skyline.
    sky, road = picture[:10].mean((0, 1)), picture[horizon + 40 :, 250:370].mean((0, 1))
    assert sky[2] > road[2]
    assert np.abs(sky - look.sky_top).max() < np.abs(sky - look.asphalt).max()


def test_going_on_moves_the_road_and_leaves_the_sky(background):
    here, there = background(0.0), background(3.0)
    horizon = round(CAMERA.horizon_px)
    np.testing.assert_array_equal(here[: horizon - 1], there[: horizon - 1])
    assert (here[horizon + 20 :] != there[horizon + 20 :]).any(2).mean() > 0.5
    np.testing.assert_array_equal(here, background(0.0))


@pytest.mark.parametrize("slope", [-0.5, 0.5])
def test_a_horizon_outside_the_image_is_no_error(background, slope):
    assert background(camera=camera_of((200, 60), slope=slope)).shape == (60, 200, 3)
