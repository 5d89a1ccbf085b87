import pytest

from kittidet.synthetic.camera import camera_of
from kittidet.synthetic.canvas import Silhouette
from kittidet.synthetic.labelling import (
    Seen,
    clip_to_image,
    label_objects,
    merged,
    occlusion_state,
    truncation,
)
from kittidet.synthetic.mesh import Pose
from kittidet.synthetic.world import Thing

CAMERA = camera_of((1242, 375))


def seen(xyxy, *, painted=4000, visible=4000, kind="Car", labelled=True) -> Seen:
    thing = Thing(kind, Pose((1.0, 1.65, 20.0), 1.0), (1.5, 1.6, 4.0), 7, labelled=labelled)
    return Seen(thing, Silhouette(xyxy, painted), visible)


@pytest.mark.parametrize(
    ("share", "state"), [(1.0, 0), (0.95, 0), (0.94, 1), (0.45, 1), (0.44, 2), (0.12, 2), (0.11, 3), (0.0, 3)]
)
def test_the_occlusion_state_follows_the_visible_share(share, state):
    assert occlusion_state(share) == state


@pytest.mark.parametrize(
    ("whole", "inside", "expected"),
    [
        ((0, 0, 0, 0), (0, 0, 0, 0), 0.0),
        ((0, 0, 10, 10), (0, 0, 10, 10), 0.0),
        ((-10, 0, 10, 10), (0, 0, 10, 10), 0.5),
        ((-10, -10, 10, 10), (0, 0, 10, 10), 0.75),
    ],
)
def test_truncation_is_the_share_of_the_box_outside(whole, inside, expected):
    assert truncation(whole, inside) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((-50.0, 10.0, -10.0, 20.0), None),
        ((-50.0, 10.0, 2.9, 20.0), None),
        ((5.0, 374.0, 60.0, 420.0), None),
        ((-5.0, -5.0, 2000.0, 2000.0), (0.0, 0.0, 1241.0, 374.0)),
        ((1.004, 2.006, 30.0, 40.0), (1.0, 2.01, 30.0, 40.0)),
    ],
)
def test_boxes_are_clipped_to_the_last_pixel_or_dropped(box, expected):
    assert clip_to_image(box, (1242, 375)) == expected


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([], []),
        ([(0, 0, 10, 10)], [(0, 0, 10, 10)]),
        ([(0, 0, 10, 10), (100, 0, 110, 10)], [(0, 0, 10, 10), (100, 0, 110, 10)]),
        ([(0, 0, 10, 10), (15, 5, 30, 20)], [(0, 0, 30, 20)]),
        # The third joins the first two, which alone are apart.
        ([(0, 0, 10, 10), (40, 0, 50, 10), (12, 0, 38, 10)], [(0, 0, 50, 10)]),
    ],
)
def test_regions_that_touch_become_one(boxes, expected):
    assert sorted(merged(boxes)) == sorted(expected)


def test_nothing_seen_has_no_labels():
    assert label_objects([], CAMERA) == []


def test_what_is_hidden_has_no_label():
    assert label_objects([seen((100, 100, 200, 180), visible=40)], CAMERA) == []
    assert label_objects([seen((100, 100, 200, 180), painted=0, visible=0)], CAMERA) == []


def test_far_and_unlabelled_things_become_regions_at_the_end():
    near, far, crowd = (
        seen((100, 100, 200, 180)),
        seen((600, 170, 620, 180)),
        seen((800, 100, 840, 180), kind="Pedestrainn", labelled=False),
    )
    labels = label_objects([crowd, far, near], CAMERA)
    assert [label.type for label in labels] == ["Car", "DontCare", "DontCare"]
    assert labels[1].truncated == labels[1].occluded == -1
    assert labels[1].rotation_y == -10


def test_alpha_is_rotation_less_the_bearing():
    (label,) = label_objects([seen((100, 100, 200, 180), visible=2800)], CAMERA)
    assert label.alpha == pytest.approx(1.0 - 0.05, abs=0.006)
    assert label.occluded == 1
