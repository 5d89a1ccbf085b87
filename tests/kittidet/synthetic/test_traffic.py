import numpy as np

from kittidet.synthetic.plan import plan_set
from kittidet.synthetic.traffic import objects_of
from kittidet.synthetic.world import Placing, camera_at, ground_box, street_of


def placing_of(drive, frame) -> Placing:
    return Placing(drive, frame, camera_at(drive, frame), street_of(drive))


def test_nobody_stands_in_another():
    plan = plan_set(200, 9)
    for image in range(0, 200, 4):
        drive, frame = plan.locate(image)
        boxes = [ground_box(thing) for thing in objects_of(placing_of(drive, frame))]
        for k, (x1, x2, z1, z2) in enumerate(boxes):
            for other in boxes[:k]:
                assert x1 > other[1] or x2 < other[0] or z1 > other[3] or z2 < other[2]


def test_parked_cars_come_nearer_by_the_step_of_the_drive():
    drive = max(plan_set(400, 9).drives, key=lambda drive: sum(street_of(drive).parking))
    now, then = (
        {thing.variant: thing.pose.xyz[2] for thing in objects_of(placing_of(drive, frame))} for frame in (0, 1)
    )
    steps = np.array([now[variant] - then[variant] for variant in now.keys() & then.keys()])
    assert (np.abs(steps - drive.step_m) < 1e-9).sum() >= 2


def test_everything_stands_on_the_ground():
    drive = plan_set(50, 2).drives[0]
    placing = placing_of(drive, 0)
    for thing in objects_of(placing):
        assert thing.pose.xyz[1] == placing.camera.ground_y(thing.pose.xyz[2])
