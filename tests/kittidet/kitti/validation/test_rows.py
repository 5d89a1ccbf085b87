"""Promises of the row contract: each rule finds its fault, at its line, and real rows have none."""

from dataclasses import replace

import pytest

from kittidet.classes import KITTI_TYPES
from kittidet.kitti.labels import parse_fields
from kittidet.kitti.validation.rows import Row, find_row_faults

CAR = [
    "Car",
    "0.00",
    "0",
    "-0.20",
    "10.00",
    "10.00",
    "30.00",
    "30.00",
    "1.89",
    "0.48",
    "1.20",
    "1.84",
    "1.47",
    "8.41",
    "0.01",
]
DONT_CARE = [
    "DontCare",
    "-1",
    "-1",
    "-10",
    "10.00",
    "10.00",
    "30.00",
    "30.00",
    "-1",
    "-1",
    "-1",
    "-1000",
    "-1000",
    "-1000",
    "-10",
]
NAMES = [
    "type",
    "truncated",
    "occluded",
    "alpha",
    "left",
    "top",
    "right",
    "bottom",
    "height",
    "width",
    "length",
    "x",
    "y",
    "z",
    "rotation_y",
]


def row(base=CAR, frame_id="000001", line=1, size_wh=(120, 40), **changes: str) -> Row:
    text = " ".join(changes.get(name, value) for name, value in zip(NAMES, base, strict=True))
    return Row(frame_id, line, parse_fields(text, where="x:1"), size_wh)


def faults(*rows: Row, edge_tolerance_px=1.0):
    return list(find_row_faults(rows, classes=KITTI_TYPES, edge_tolerance_px=edge_tolerance_px, label_dir="label_2"))


def test_no_rows_have_no_faults():
    assert faults() == []


def test_right_rows_have_no_faults():
    assert faults(row(), row(DONT_CARE), row(truncated="1.00", occluded="3", alpha="3.14", left="11")) == []


@pytest.mark.parametrize(
    ("base", "changes", "check", "severity"),
    [
        (CAR, {"type": "Bus"}, "class_known", "error"),
        (CAR, {"type": "car"}, "class_known", "error"),
        (CAR, {"truncated": "1.01"}, "truncated_range", "error"),
        (CAR, {"truncated": "-0.5"}, "truncated_range", "error"),
        (CAR, {"truncated": "-2"}, "truncated_range", "error"),
        (CAR, {"truncated": "1e39"}, "truncated_range", "error"),
        (CAR, {"occluded": "5"}, "occluded_range", "error"),
        (CAR, {"occluded": "-2"}, "occluded_range", "error"),
        (CAR, {"left": "30.00"}, "box_left_right", "error"),
        (CAR, {"right": "9.99"}, "box_left_right", "error"),
        (CAR, {"bottom": "10.00"}, "box_top_bottom", "error"),
        (CAR, {"left": "-1.01"}, "box_inside_image", "error"),
        (CAR, {"top": "-1.01"}, "box_inside_image", "error"),
        (CAR, {"right": "121.01"}, "box_inside_image", "error"),
        (CAR, {"bottom": "41.01"}, "box_inside_image", "error"),
        (CAR, {"alpha": "3.16"}, "alpha_range", "warning"),
        (CAR, {"rotation_y": "-3.16"}, "rotation_y_range", "warning"),
        (CAR, {"length": "0.00"}, "dimensions_range", "warning"),
        (CAR, {"z": "-1000.01"}, "location_range", "warning"),
        (DONT_CARE, {"truncated": "0.00"}, "truncated_dont_care", "warning"),
        (DONT_CARE, {"occluded": "0"}, "occluded_dont_care", "warning"),
        (DONT_CARE, {"left": "-5.00"}, "box_inside_image", "error"),
        (DONT_CARE, {"right": "5.00"}, "box_left_right", "error"),
    ],
)
def test_each_rule_finds_its_fault_and_only_that(base, changes, check, severity):
    (found,) = faults(row(), row(base, frame_id="000123", line=4, **changes), row())[:1]
    assert (found.frame_id, found.file, found.line) == ("000123", "label_2/000123.txt", 4)
    assert (found.check, found.severity) == (check, severity)
    assert found.message.startswith("label_2/000123.txt:4: ")
    assert ": expected " in found.message
    assert ", got " in found.message
    assert len(faults(row(base, **changes))) == 1


@pytest.mark.parametrize("changes", [{"left": "-1"}, {"top": "-1.00"}, {"right": "121"}, {"bottom": "41"}])
def test_a_box_may_leave_the_image_by_the_tolerance(changes):
    assert faults(row(**changes)) == []
    assert [f.check for f in faults(row(**changes), edge_tolerance_px=0.5)] == ["box_inside_image"]


def test_a_row_may_have_several_faults():
    found = faults(row(type="Bus", truncated="1.5", right="5", bottom="500"))
    assert {f.check for f in found} == {"class_known", "truncated_range", "box_left_right", "box_inside_image"}


@pytest.mark.parametrize(
    ("changes", "check", "got"),
    [
        ({"truncated": "-1"}, "truncated_unknown", "truncated: expected 0..1, got -1.0"),
        ({"truncated": "2"}, "truncated_level", "truncated: expected 0..1, got 2.0"),
        ({"occluded": "-1"}, "occluded_unknown", "occluded: expected 0, 1, 2 or 3, got -1"),
        ({"occluded": "4"}, "occluded_unknown", "occluded: expected 0, 1, 2 or 3, got 4"),
    ],
)
def test_a_habit_of_another_writer_is_one_warning_for_all_rows(changes, check, got):
    """Cases: labels_minus_one, labels_tracking_truncated_2."""
    rows = [row(frame_id=f"{k:06d}", line=n, **changes) for k in (3, 2, 5) for n in (1, 2)]
    rows = [replace(r, obj=replace(r.obj, xyxy=(float(n), 1.0, 30.0, 30.0))) for n, r in enumerate(rows)]
    (found,) = faults(row(), *rows, row(DONT_CARE))
    assert (found.frame_id, found.file, found.line, found.check, found.severity) == ("", "label_2", 0, check, "warning")
    assert found.message.startswith(f"label_2: 6 rows of 3 files, the first 000002.txt:1: {got}. ")


def test_a_score_in_labels_is_one_warning_for_all_rows():
    """Case: labels_16_columns."""
    (found,) = faults(replace(row(), has_score=True), replace(row(DONT_CARE, line=2), has_score=True))
    assert (found.check, found.severity) == ("label_score", "warning")
    assert "2 rows of 1 files, the first 000001.txt:1: columns: expected 15, got 16" in found.message


def test_a_box_of_which_nothing_is_inside_the_image_is_refused_at_any_tolerance():
    assert [f.check for f in faults(row(left="-40", right="0"), edge_tolerance_px=50)] == ["box_visible"]
    assert [f.check for f in faults(row(DONT_CARE, top="40", bottom="60"), edge_tolerance_px=50)] == ["box_visible"]
    assert faults(row(left="-40", right="0.01"), edge_tolerance_px=50) == []


def test_a_box_in_an_image_of_unknown_size_is_not_judged_by_it():
    assert faults(row(size_wh=None, right="5000")) == []
    assert [f.check for f in faults(row(size_wh=None, right="5"))] == ["box_left_right"]


def test_a_row_that_repeats_an_earlier_one_is_a_warning_and_dont_care_may():
    found = faults(row(), row(line=2), row(frame_id="000002"), row(type="Van"), row(DONT_CARE), row(DONT_CARE))
    assert [(f.check, f.severity, f.frame_id, f.line) for f in found] == [("row_repeated", "warning", "000001", 2)]


def test_every_fault_of_many_rows_is_found():
    rows = [row(frame_id=f"{k:06d}", line=k + 1, occluded="9") for k in range(20_000)]
    assert [f.line for f in sorted(faults(*rows), key=lambda f: f.line)] == list(range(1, 20_001))
