from pathlib import Path

import pytest
import yaml

from kittidet.classes import KITTI3, KITTI8
from kittidet.convert.yolo import dataset_yaml, yolo_lines
from kittidet.frame import Frame
from kittidet.kitti.labels import parse_label_line

VAN = "Van 0.00 0 1.55 100.00 50.00 300.00 150.00 1.87 0.50 0.90 5.59 1.94 8.18 1.57"
DONT_CARE = "DontCare -1 -1 -10 503.89 169.71 590.61 190.13 -1 -1 -1 -1000 -1000 -1000 -10"
MISC = "Misc 0.00 0 1.55 1.00 1.00 3.00 3.00 1.87 0.50 0.90 5.59 1.94 8.18 1.57"


def frame(*lines: str, size_wh: tuple[int, int] = (1000, 200)) -> Frame:
    return Frame("000001", Path("x.png"), size_wh, tuple(parse_label_line(line, where="t") for line in lines))


def test_a_frame_without_objects_has_no_lines_and_loses_nothing():
    assert yolo_lines(frame(), KITTI8) == ([], {})


def test_a_box_is_class_from_zero_then_centre_and_size_as_shares():
    lines, _ = yolo_lines(frame(VAN), KITTI8)
    assert lines == ["1 0.200000 0.500000 0.200000 0.500000"]


def test_numbers_return_to_the_pixel_within_a_thousandth():
    lines, _ = yolo_lines(frame(VAN.replace("100.00", "101.37"), size_wh=(1242, 375)), KITTI8)
    _, x, _, w, _ = (float(v) for v in lines[0].split())
    assert (x - w / 2) * 1242 == pytest.approx(101.37, abs=2e-3)


def test_everything_that_yolo_cannot_hold_is_counted():
    lines, lost = yolo_lines(frame(VAN, DONT_CARE, MISC), KITTI3)
    assert len(lines) == 1
    said = " | ".join(lost)
    assert "DontCare" in said
    assert "Misc" in said
    assert "written as Vehicle" in said
    assert "truncation, occlusion" in said
    assert set(lost.values()) == {1}


def test_a_box_that_leaves_the_image_is_clipped_and_counted():
    lines, lost = yolo_lines(frame(VAN, size_wh=(200, 200)), KITTI8)
    assert lines == ["1 0.750000 0.500000 0.500000 0.500000"]
    assert lost["parts of boxes outside the image"] == 1


def test_the_yaml_names_folders_and_classes():
    read = yaml.safe_load(dataset_yaml(KITTI3, ("train", "val")))
    assert "path" not in read  # case: yolo_yaml_path_dot
    assert (read["train"], read["val"]) == ("images/train", "images/val")
    assert read["names"] == {0: "Vehicle", 1: "Pedestrainn", 2: "Cyclist"}
    assert yaml.safe_load(dataset_yaml(KITTI3, ("all",)))["val"] == "images/all"
