import numpy as np
import pytest

from kittidet.boxes import iou_xyxy
from kittidet.synthetic.camera import camera_of
from kittidet.synthetic.canvas import OVERSAMPLING, Canvas
from kittidet.synthetic.labelling import label_objects
from kittidet.synthetic.look import look_of
from kittidet.synthetic.mesh import Pose
from kittidet.synthetic.plan import plan_set
from kittidet.synthetic.render import blank_background, draw_frame, label_frame, paint_things
from kittidet.synthetic.world import Thing

CAMERA = camera_of((1242, 375))
LOOK = look_of(plan_set(4, 0).drives[0])
AWAY = -np.pi / 2


def car(x: float, z: float, rotation_y: float = AWAY, variant: int = 5) -> Thing:
    return Thing("Car", Pose((x, CAMERA.ground_y(z), z), rotation_y), (1.5, 1.6, 4.0), variant)


def wall(z: float, width: float, x: float = 0.0) -> Thing:
    return Thing("building", Pose((x, CAMERA.ground_y(z), z), AWAY), (6.0, width, 0.5), 1)


def paint(*things: Thing):
    canvas = Canvas(CAMERA, blank_background(CAMERA))
    return canvas, paint_things(canvas, things, LOOK)


def test_an_empty_scene_has_no_labels_and_no_numbers():
    canvas, seen = paint()
    assert seen == []
    assert not canvas.numbers().any()


def test_what_is_seen_equals_what_the_number_image_holds():
    canvas, seen = paint(car(0, 12), car(1.0, 20), car(-4, 9))
    numbers = canvas.numbers()
    assert len(seen) == 3
    for k, item in enumerate(reversed(seen), start=1):
        assert item.visible == (numbers == k).sum()
        rows, columns = np.nonzero(numbers == k)
        x1, y1, x2, y2 = (v * OVERSAMPLING for v in item.silhouette.xyxy)
        assert x1 <= columns.min() <= columns.max() <= x2
        assert y1 <= rows.min() <= rows.max() <= y2


def test_a_box_fits_the_pixels_of_a_whole_object():
    canvas, (item,) = paint(car(-2, 15))
    rows, columns = np.nonzero(canvas.numbers())
    pixels = np.array([columns.min(), rows.min(), columns.max(), rows.max()]) / OVERSAMPLING
    assert np.abs(pixels - np.array(item.silhouette.xyxy)).max() <= 1.0


def test_a_lone_car_is_whole_and_fully_visible():
    _, seen = paint(car(0, 15))
    (label,) = label_objects(seen, CAMERA)
    assert (label.type, label.occluded, label.truncated) == ("Car", 0, 0.0)


def test_the_nearer_of_two_hides_the_farther():
    _, seen = paint(car(0.0, 20), car(0.7, 12))
    near, far = label_objects(seen, CAMERA)
    assert near.location_xyz[2] == 12
    assert near.occluded == 0
    assert far.occluded > 0
    assert seen[1].visible < seen[1].silhouette.painted


def test_a_wall_in_front_takes_the_label_away():
    _, seen = paint(car(0, 20), wall(10, 12))
    assert label_objects(seen, CAMERA) == []


def test_half_a_wall_in_front_makes_a_car_partly_hidden():
    # Beside the line of sight to the middle of the car the wall covers its right half.
    _, seen = paint(car(0, 20, 0.0), wall(10, 8.0, x=4.0))
    (label,) = label_objects(seen, CAMERA)
    share = seen[0].visible / seen[0].silhouette.painted
    assert 0.3 < share < 0.7
    assert label.occluded in (1, 2)


@pytest.mark.parametrize("x", [-7.2, -8.2, 7.4, 8.4])
def test_truncation_is_the_share_that_a_wider_camera_would_have_seen(x):
    _, seen = paint(car(x, 9))
    (label,) = label_objects(seen, CAMERA)
    left, top, right, bottom = seen[0].silhouette.xyxy
    outside = max(0.0, -left) + max(0.0, right - 1241)
    assert outside > 5
    assert label.truncated == pytest.approx(outside / (right - left), abs=0.02)
    assert label.xyxy[0] == 0 or label.xyxy[2] == 1241
    assert (label.xyxy[1], label.xyxy[3]) == (round(top, 2), round(bottom, 2))


def test_two_dimensional_boxes_are_the_projection_of_the_three_dimensional_ones():
    plan = plan_set(60, 2)
    checked = 0
    for image in range(0, 60, 6):
        drive, frame = plan.locate(image)
        drawing = draw_frame(drive, frame) if image == 0 else None
        objects = drawing.objects if drawing else label_frame(drive, frame)
        camera = camera_of({0: (1242, 375), 1: (1224, 370), 2: (1238, 374), 3: (1241, 376)}[drive.size_index])
        for label in objects:
            if label.type not in ("Car", "Van", "Truck", "Pedestrainn") or label.truncated > 0:
                continue
            height, width, length = label.dimensions_hwl
            corners = np.array(
                [[a, u, r] for a in (-length / 2, length / 2) for u in (0, height) for r in (-width / 2, width / 2)]
            )
            px = camera.project(Pose(label.location_xyz, label.rotation_y).to_camera(corners))
            projected = np.concatenate([px.min(0), px.max(0)])[None].astype(np.float32)
            overlap = iou_xyxy(projected, np.array([label.xyxy], np.float32)).item()
            assert overlap > (0.4 if label.type == "Pedestrainn" else 0.75), label
            checked += 1
    assert checked >= 10


def test_labels_without_the_picture_are_the_same():
    drive, frame = plan_set(8, 4).locate(3)
    assert label_frame(drive, frame) == draw_frame(drive, frame).objects
