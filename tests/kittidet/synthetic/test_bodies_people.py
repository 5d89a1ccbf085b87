from math import pi

import numpy as np
import pytest

from kittidet.synthetic.bodies_people import Clothes, cycling_limbs, paint_limbs, sitting_limbs, walking_limbs
from kittidet.synthetic.mesh import Pose

CLOTHES = Clothes(jacket=(130, 40, 44), trousers=(38, 44, 70), hair=(38, 28, 22), bag=None)


def top_of(limbs):
    return max(max(limb.start[1], limb.end[1]) + limb.thickness / 2 for limb in limbs)


@pytest.mark.parametrize(
    ("limbs", "height"),
    [
        (walking_limbs(1.8, 0.4, CLOTHES), 1.8),
        (sitting_limbs(1.3, CLOTHES), 1.3),
        (cycling_limbs(1.75, 1.8, 0.4, CLOTHES, (40, 56, 104)), 1.75),
    ],
    ids=["walking", "sitting", "cycling"],
)
def test_a_person_is_as_tall_as_the_label_says(limbs, height):
    assert top_of(limbs) == pytest.approx(height, rel=0.06)
    assert all(min(limb.start[1], limb.end[1]) > -0.05 for limb in limbs)


def test_the_phase_moves_legs_and_arms_and_nothing_else():
    still, moved = walking_limbs(1.8, 0.0, CLOTHES), walking_limbs(1.8, pi / 2, CLOTHES)
    changed = [a != b for a, b in zip(still, moved, strict=True)]
    assert 2 <= sum(changed) < len(changed)
    assert top_of(still) == top_of(moved)


def test_clothes_are_seen_and_a_bag_is_one_limb_more():
    limbs = walking_limbs(1.8, 0.0, CLOTHES)
    assert {CLOTHES.jacket, CLOTHES.trousers, CLOTHES.hair} <= {limb.colour for limb in limbs}
    with_bag = Clothes(CLOTHES.jacket, CLOTHES.trousers, CLOTHES.hair, bag=(60, 60, 120))
    assert len(walking_limbs(1.8, 0.0, with_bag)) > len(limbs)


def test_a_person_is_painted_at_the_pose_and_not_too_near(canvas, camera, light):
    limbs = walking_limbs(1.8, 0.0, CLOTHES)
    canvas.begin(1)
    paint_limbs(canvas, limbs, Pose((1.0, 1.65, 10.0), 0.0), light)
    silhouette = canvas.end()
    (foot,) = camera.project(np.array([[1.0, 1.65, 10.0]]))
    assert silhouette.xyxy[3] == pytest.approx(foot[1], abs=6)
    assert silhouette.xyxy[0] < foot[0] < silhouette.xyxy[2]
    canvas.begin(2)
    paint_limbs(canvas, limbs, Pose((0.0, 1.65, 0.7), 0.0), light)
    assert canvas.end().painted == 0
