import numpy as np
import pytest

from kittidet.synthetic.bodies_large import misc_parts, tram_parts, truck_parts

RED, GREY = (150, 28, 28), (120, 120, 120)
BODIES = {
    **{f"truck {style}": ((3.4, 2.6, 9.0), truck_parts, (style, RED, GREY)) for style in ("box", "tipper", "tank")},
    "tram": ((3.5, 2.4, 16.0), tram_parts, (RED, GREY)),
    **{f"misc {style}": ((1.8, 1.5, 3.0), misc_parts, (style, RED)) for style in ("caravan", "trailer", "machine")},
}


@pytest.mark.parametrize(("hwl", "parts_of", "rest"), BODIES.values(), ids=BODIES.keys())
def test_a_body_is_about_as_large_as_its_label_says_and_stands_on_the_ground(hwl, parts_of, rest):
    points = np.concatenate([part.points for part in parts_of(hwl, *rest)])
    height, width, length = hwl
    low, high = points.min(0), points.max(0)
    assert -1e-9 <= low[1] < 0.45 * height
    np.testing.assert_allclose(
        high - [0, low[1], 0] - [low[0], 0, low[2]], (length, high[1] - low[1], width), rtol=0.15
    )
    assert high[1] == pytest.approx(height, rel=0.15)


@pytest.mark.parametrize(("hwl", "parts_of", "rest"), BODIES.values(), ids=BODIES.keys())
def test_every_face_looks_outward_with_a_colour_of_its_own(hwl, parts_of, rest):
    for part in parts_of(hwl, *rest):
        np.testing.assert_allclose(np.linalg.norm(part.normals, axis=1), 1)
        assert len(part.ends) == len(part.normals) == len(part.colours) == len(part.lit)
        assert part.ends[-1] == len(part.points)
