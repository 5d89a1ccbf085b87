import numpy as np
import pytest
from PIL import Image

from kittidet.classes import KITTI3, KITTI8, ClassTable
from kittidet.drawing import class_colours, draw_frame, draw_gallery
from kittidet.frame import Detections, KittiObject


def label(kind: str, xyxy: tuple[float, float, float, float]) -> KittiObject:
    return KittiObject(kind, 0.0, 0, 0.0, xyxy, (1.5, 1.6, 3.9), (0.0, 1.5, 20.0), 0.0)


def found(*rows: tuple[tuple[float, float, float, float], float, int]) -> Detections:
    return Detections(
        "000000",
        np.array([r[0] for r in rows], np.float32).reshape(-1, 4),
        np.array([r[1] for r in rows], np.float32),
        np.array([r[2] for r in rows], np.int32),
    )


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


@pytest.fixture
def road() -> Image.Image:
    return Image.new("RGB", (620, 188), "black")


def test_nothing_to_draw_leaves_the_picture_as_it_is(road):
    drawn = draw_frame(road, detections=found(), table=KITTI8, min_score=0.3)
    assert drawn.tobytes() == road.tobytes()
    assert drawn is not road


def test_a_detection_is_outlined_in_its_class_colour_and_the_source_is_untouched(road):
    before = road.tobytes()
    drawn = draw_frame(road, detections=found(((100, 50, 200, 120), 0.9, 1)), table=KITTI8, min_score=0.3)
    assert drawn.getpixel((150, 120)) == rgb(class_colours(KITTI8)["Car"])
    assert drawn.getpixel((150, 90)) == (0, 0, 0)
    assert road.tobytes() == before


def test_a_detection_below_the_score_is_not_drawn(road):
    drawn = draw_frame(road, detections=found(((100, 50, 200, 120), 0.29, 1)), table=KITTI8, min_score=0.3)
    assert drawn.tobytes() == road.tobytes()


def test_labels_are_dashed_and_dont_care_is_a_veil(road):
    drawn = draw_frame(
        road,
        objects=[label("Car", (100, 50, 200, 120)), label("DontCare", (300, 40, 400, 90))],
        table=KITTI8,
        min_score=0.0,
    )
    bottom = {drawn.getpixel((x, 120)) for x in range(100, 200)}
    assert bottom == {rgb(class_colours(KITTI8)["Car"]), (0, 0, 0)}
    assert drawn.getpixel((350, 60)) != (0, 0, 0)


@pytest.mark.parametrize(
    "xyxy", [(-50, -20, 30, 40), (600, 150, 700, 300), (200, 100, 100, 50), (10, 10, 10, 10), (0, 0, 620, 188)]
)
def test_boxes_that_leave_the_picture_or_are_inverted_draw_without_complaint(road, xyxy):
    drawn = draw_frame(
        road, objects=[label("Tram", xyxy)], detections=found((xyxy, 0.5, 7)), table=KITTI8, min_score=0.1
    )
    assert drawn.size == road.size
    assert drawn.tobytes() != road.tobytes()


def test_a_type_keeps_its_colour_in_every_table_and_unknown_names_get_different_ones():
    assert class_colours(KITTI3)["Vehicle"] == class_colours(KITTI8)["Car"]
    assert len(set(class_colours(KITTI8).values())) == len(KITTI8)
    strange = class_colours(ClassTable(("Dog", "Cat", "Car")))
    assert len(set(strange.values())) == 3


def test_a_gallery_shows_every_picture_under_its_caption():
    items = [(f"frame {i}", Image.new("RGB", (300, 100), c)) for i, c in enumerate(("red", "lime", "blue"))]
    sheet = draw_gallery(items, columns=2, width=640)
    assert sheet.width == 640
    seen = {colour for _, colour in sheet.getcolors(maxcolors=1 << 20)}
    assert {(255, 0, 0), (0, 255, 0), (0, 0, 255)} <= seen


@pytest.mark.parametrize(("count", "columns", "width"), [(0, 2, 640), (3, 0, 640), (3, 20, 100)])
def test_a_gallery_without_room_or_pictures_is_refused(count, columns, width):
    items = [("a", Image.new("RGB", (30, 10)))] * count
    with pytest.raises(ValueError, match="gallery"):
        draw_gallery(items, columns=columns, width=width)
