import numpy as np
import pytest

from kittidet.synthetic.bodies_cars import CAR_STYLES, car_parts, van_parts

HWL = (1.5, 1.7, 4.2)
RED, BLUE = (150, 28, 28), (40, 56, 104)


def points(parts):
    return np.concatenate([part.points for part in parts])


def check_fills(parts, hwl):
    height, width, length = hwl
    low, high = points(parts).min(0), points(parts).max(0)
    assert low[1] >= -1e-9
    np.testing.assert_allclose((high - low), (length, height, width), rtol=0.12)
    # Left is the mirror image of right.
    np.testing.assert_allclose(low[2], -high[2])


@pytest.mark.parametrize("style", CAR_STYLES)
def test_a_car_is_as_large_as_its_label_says(style):
    check_fills(car_parts(HWL, style, RED), HWL)


@pytest.mark.parametrize("style", ["panel", "glazed"])
def test_a_van_is_as_large_as_its_label_says(style):
    check_fills(van_parts((2.2, 1.9, 5.2), style, RED), (2.2, 1.9, 5.2))


def test_styles_differ_in_shape_and_paint_in_colour_alone():
    first, *others = (points(car_parts(HWL, style, RED)) for style in CAR_STYLES)
    assert all(first.shape != other.shape or not np.allclose(first, other) for other in others)
    red, blue = car_parts(HWL, CAR_STYLES[0], RED), car_parts(HWL, CAR_STYLES[0], BLUE)
    np.testing.assert_array_equal(points(red), points(blue))
    assert [part.colours for part in red] != [part.colours for part in blue]


def test_lamps_and_glass_keep_their_colour_in_any_light():
    parts = car_parts(HWL, CAR_STYLES[0], RED)
    assert {lit for part in parts for lit in part.lit} == {True, False}
