import numpy as np
import pytest

from kittidet.synthetic.bodies_street import building_parts, post_parts

POSTS = {
    "pole": (5.0, 0.14, 0.14), "sign": (2.5, 0.65, 0.08), "bin": (1.15, 0.6, 0.6), "cabinet": (1.2, 0.4, 1.3),
    "skip": (1.5, 1.7, 3.6), "pillar": (3.0, 1.1, 1.1),
}  # fmt: skip


def points(parts):
    return np.concatenate([part.points for part in parts])


@pytest.mark.parametrize("variant", range(6))
def test_a_house_stands_on_its_lot_and_has_windows(variant):
    parts = building_parts((7.0, 10.0, 12.0), variant)
    low, high = points(parts).min(0), points(parts).max(0)
    assert low[1] == 0
    assert 7.0 <= high[1] <= 7.0 + 3.5  # the roof
    assert (high[0], high[2]) == pytest.approx((6.0, 5.0), abs=0.5)
    assert len(parts[0].ends) > 20


def test_a_house_keeps_its_face():
    first, again, other = (building_parts((7.0, 10.0, 12.0), variant) for variant in (1, 1, 2))
    np.testing.assert_array_equal(points(first), points(again))
    assert points(first).shape != points(other).shape or first[0].colours != other[0].colours


@pytest.mark.parametrize("kind", POSTS)
def test_street_furniture_is_as_high_as_it_is_said_to_be(kind):
    parts = post_parts(kind, POSTS[kind], 3)
    low, high = points(parts).min(0), points(parts).max(0)
    assert low[1] >= -1e-9
    assert high[1] == pytest.approx(POSTS[kind][0], rel=0.25)
