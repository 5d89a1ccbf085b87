from math import pi

import numpy as np
import pytest

from kittidet.synthetic.mesh import Pose
from kittidet.synthetic.plan import plan_set
from kittidet.synthetic.scenery import paint_scenery, scenery_of
from kittidet.synthetic.traffic import objects_of
from kittidet.synthetic.world import Placing, Thing, camera_at, ground_box, street_of

PLAN = plan_set(60, 5)
KINDS = {
    "building": (6.0, 10.0, 12.0), "tree": (5.0, 2.6, 2.6), "bush": (1.2, 1.4, 1.4), "hedge": (1.2, 0.9, 5.5),
    "pole": (5.0, 0.14, 0.14), "sign": (2.5, 0.65, 0.08), "bin": (1.15, 0.6, 0.6), "cabinet": (1.2, 0.4, 1.3),
    "skip": (1.5, 1.7, 3.6), "pillar": (3.0, 1.1, 1.1),
}  # fmt: skip


def placing_of(drive, frame) -> Placing:
    return Placing(drive, frame, camera_at(drive, frame), street_of(drive))


def test_scenery_makes_room_for_objects_and_stands_on_the_ground():
    for image in range(0, 60, 12):
        placing = placing_of(*PLAN.locate(image))
        objects = objects_of(placing)
        things = scenery_of(placing, objects)
        assert things
        taken = [ground_box(thing) for thing in objects]
        for thing in things:
            x1, x2, z1, z2 = ground_box(thing)
            assert all(x1 > b[1] or x2 < b[0] or z1 > b[3] or z2 < b[2] for b in taken)
            assert thing.pose.xyz[1] == placing.camera.ground_y(thing.pose.xyz[2])


def test_the_next_frame_sees_the_same_street_a_step_nearer():
    drive = max(PLAN.drives, key=lambda drive: drive.frames)
    now, then = ({(t.type, t.variant): t.pose.xyz[2] for t in scenery_of(placing_of(drive, k), [])} for k in (0, 1))
    both = now.keys() & then.keys()
    assert len(both) > 0.8 * min(len(now), len(then))
    # Not all: once a tree of a lot is behind the camera, those beside it are drawn anew.
    assert np.isclose([now[k] - then[k] for k in both], drive.step_m).mean() > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_painted_in_its_place(canvas, camera, light, kind):
    thing = Thing(kind, Pose((3.0, 1.65, 20.0), -pi / 2), KINDS[kind], 7)
    canvas.begin(1)
    paint_scenery(canvas, thing, light)
    silhouette = canvas.end()
    assert silhouette.painted > 20
    (foot,) = camera.project(np.array([thing.pose.xyz]))
    assert silhouette.xyxy[0] - 5 <= foot[0] <= silhouette.xyxy[2] + 5
    assert silhouette.xyxy[1] < foot[1]
