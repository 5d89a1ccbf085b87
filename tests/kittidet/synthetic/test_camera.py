import numpy as np
import pytest

from kittidet.synthetic.camera import NEAR_M, camera_of, clip_near, observation_angle, wrap_angle


def test_a_point_on_the_axis_is_at_the_principal_point():
    camera = camera_of((1242, 375))
    assert camera.project(np.array([[0.0, 0.0, 10.0]])) == pytest.approx(np.array([[609.5593, 172.854]]))


def test_a_car_of_a_metre_and_a_half_at_24_m_is_45_pixels_high():
    camera = camera_of((1242, 375))
    px = camera.project(np.array([[0.0, 1.65, 24.05], [0.0, 0.15, 24.05]]))
    assert px[0, 1] - px[1, 1] == pytest.approx(45.0, abs=0.1)


def test_the_ground_tends_to_the_horizon():
    camera = camera_of((1242, 375), slope=0.01)
    far = camera.project(np.array([[0.0, camera.ground_y(1e6), 1e6]]))
    assert far[0, 1] == pytest.approx(camera.horizon_px, abs=0.01)


def test_other_sizes_see_the_same_field():
    small = camera_of((621, 188))
    assert small.focal_px / 621 == pytest.approx(camera_of((1242, 375)).focal_px / 1242)


@pytest.mark.parametrize(
    ("depths", "corners"), [((0.1, 0.1, 0.1), 0), ((5.0, 5.0, 5.0), 3), ((5.0, 5.0, 0.1), 4), ((5.0, 0.1, 0.1), 3)]
)
def test_polygons_end_at_the_near_plane(depths, corners):
    polygon = np.array([[x, 1.0, z] for x, z in zip((0.0, 1.0, 2.0), depths, strict=True)])
    clipped = clip_near(polygon)
    assert len(clipped) == corners
    assert (clipped[:, 2] >= NEAR_M - 1e-9).all()


def test_angles_wrap():
    assert wrap_angle(3 * np.pi / 2) == pytest.approx(-np.pi / 2)
    assert observation_angle(0.0, 5.0, 5.0) == pytest.approx(-np.pi / 4)
