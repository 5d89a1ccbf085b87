"""Promises of label lines: exact both ways, and nothing but KITTI's format gets in."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kittidet.classes import KITTI_TYPES
from kittidet.errors import LabelParseError
from kittidet.frame import KittiObject
from kittidet.kitti.labels import format_label_line, parse_fields, parse_label_file, parse_label_line

CAR = "Car 0.34 1 -1.57 614.24 181.78 727.31 284.77 1.57 1.73 4.15 1.00 1.75 13.22 -1.62"
DONT_CARE = "DontCare -1 -1 -10 5.00 229.89 214.12 367.61 -1 -1 -1 -1000 -1000 -1000 -10"
FIELDS = CAR.split()


def with_field(position: int, text: str) -> str:
    return " ".join([*FIELDS[:position], text, *FIELDS[position + 1 :]])


def test_a_line_becomes_a_record_field_by_field():
    assert parse_label_line(CAR, where="x:1") == KittiObject(
        type="Car",
        truncated=0.34,
        occluded=1,
        alpha=-1.57,
        xyxy=(614.24, 181.78, 727.31, 284.77),
        dimensions_hwl=(1.57, 1.73, 4.15),
        location_xyz=(1.00, 1.75, 13.22),
        rotation_y=-1.62,
    )


@pytest.mark.parametrize(
    "line",
    [
        CAR,
        DONT_CARE,
        DONT_CARE.replace("Care", "Care:Car"),
        with_field(3, "-0.00"),
        with_field(11, "-1.00"),
        with_field(1, "1.00"),
    ],
)
def test_a_line_comes_back_as_it_was(line):
    assert format_label_line(parse_label_line(line, where="x:1")) == line


def test_a_region_of_one_class_is_dont_care_that_says_of_what():
    region = parse_label_line(DONT_CARE.replace("Care", "Care:Car"), where="x:1")
    assert (region.type, region.region_of, region.about, region.is_dont_care) == ("DontCare", "Car", "Car", True)
    plain = parse_label_line(DONT_CARE, where="x:1")
    assert (plain.type, plain.region_of, plain.about) == ("DontCare", None, "DontCare")
    with pytest.raises(LabelParseError, match=r"x:1: unknown class 'Bus'"):
        parse_label_line(DONT_CARE.replace("Care", "Care:Bus"), where="x:1")


def test_every_real_label_line_comes_back_as_it_was(real_texts):
    texts = real_texts("labels_train3712.zip")
    lines = [line for text in texts.values() for line in text.splitlines()]
    assert len(texts) == 3712
    assert [format_label_line(parse_label_line(line, where="x:1")) for line in lines] == lines


def test_every_real_result_line_keeps_its_values(real_texts):
    lines = [line for text in real_texts("detections_train3712.zip").values() for line in text.splitlines()]
    parsed = [parse_label_line(line, where="x:1", with_score=True) for line in lines]
    assert len(parsed) == 25466
    assert [parse_label_line(format_label_line(o), where="x:1", with_score=True) for o in parsed] == parsed


hundredths = st.integers(-99999, 99999).map(lambda n: n / 100)


@given(
    name=st.sampled_from(KITTI_TYPES),
    occluded=st.integers(-1, 3),
    numbers=st.lists(hundredths, min_size=9, max_size=9),
    corner=st.tuples(hundredths, hundredths),
    extent=st.tuples(st.integers(1, 10**5), st.integers(1, 10**5)),
    score=st.none() | st.floats(0, 1),
)
def test_any_record_of_two_decimals_survives_the_way_out_and_in(name, occluded, numbers, corner, extent, score):
    left, top = corner
    right, bottom = round(left + extent[0] / 100, 2), round(top + extent[1] / 100, 2)
    truncated, alpha, h, w, length, x, y, z, rotation_y = numbers
    box = (left, top, right, bottom)
    obj = KittiObject(name, truncated, occluded, alpha, box, (h, w, length), (x, y, z), rotation_y, score)
    assert parse_label_line(format_label_line(obj), where="x:1", with_score=score is not None) == obj


@pytest.mark.parametrize("line", [CAR.replace(" ", "  "), f"  {CAR}\t", CAR.replace(" ", "\t")])
def test_any_run_of_spaces_and_tabs_separates(line):
    assert format_label_line(parse_label_line(line, where="x:1")) == CAR


@pytest.mark.parametrize("line", ["", " ", "\t", "\r"])
def test_a_blank_line_is_an_error_with_its_place(line):
    with pytest.raises(LabelParseError, match=r"label_2/000123\.txt:4: blank line: expected 15 fields"):
        parse_label_line(line, where="label_2/000123.txt:4")


@pytest.mark.parametrize(
    ("line", "count"), [("Car", 1), (" ".join(FIELDS[:14]), 14), (f"{CAR} 0.9 1", 17), (f"{CAR} {CAR}", 30)]
)
def test_a_wrong_number_of_columns_is_counted(line, count):
    with pytest.raises(
        LabelParseError, match=rf"^label_2/000123\.txt:4: expected 15 fields, got {count}: 'Car.*Re-extract"
    ):
        parse_label_line(line, where="label_2/000123.txt:4")


def test_a_label_with_a_score_is_read_without_it():
    """Case: labels_16_columns. CVAT's and nuScenes' exports write a score after the 15 columns."""
    assert parse_label_line(f"{CAR} 0.9", where="x:1") == parse_label_line(CAR, where="x:1")
    with pytest.raises(LabelParseError, match="score: expected a finite number, got 'high'"):
        parse_label_line(f"{CAR} high", where="x:1")


def test_a_label_in_place_of_a_result_line_lacks_its_score():
    with pytest.raises(LabelParseError, match=r"expected 16 fields, score last, got 15: .* The score is missing"):
        parse_label_line(CAR, where="x:1", with_score=True)


@pytest.mark.parametrize(("score", "with_score"), [("", False), (" 0.9", False), (" 0.9", True)])
def test_a_class_name_of_two_words_is_named(score, with_score):
    line = with_field(0, "Person sitting") + score
    with pytest.raises(LabelParseError, match=r"x:1: class name 'Person sitting': .* Write it as Person_sitting"):
        parse_label_line(line, where="x:1", with_score=with_score)


def test_a_file_that_git_lfs_never_fetched_is_named(tmp_path):
    path = tmp_path / "000000.txt"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    with pytest.raises(LabelParseError, match=r"git-LFS pointer.*git lfs pull"):
        parse_label_file(path)


@pytest.mark.parametrize("position", [1, 3, 4, 14])
@pytest.mark.parametrize(
    "text",
    [
        "nan",
        "NaN",
        "inf",
        "-inf",
        "1e999",
        "1_0",
        "0x10",
        "1,5",
        "--1",
        "1.2.3",
        "٣",
        "\uff11",
        "abc",
        ".",
        "1e",
        "True",
    ],
)
def test_what_is_no_finite_number_is_refused_by_field(position, text):
    with pytest.raises(LabelParseError, match=r"x:1: \w+: expected a finite number, got"):
        parse_label_line(with_field(position, text), where="x:1")


@pytest.mark.parametrize("text", ["0.5", "-1.01", "nan", "1_0", "x", "1" * 5000, "1e300"])
def test_occlusion_is_an_integer(text):
    with pytest.raises(LabelParseError, match="occluded: expected an integer"):
        parse_label_line(with_field(2, text), where="x:1")


@pytest.mark.parametrize(("text", "state"), [("0.0000", 0), ("1.", 1), ("-1.00", -1), ("2e0", 2)])
def test_occlusion_may_be_written_with_decimals(text, state):
    """Case: results_float_occluded."""
    assert parse_label_line(with_field(2, text), where="x:1").occluded == state
    assert parse_label_line(with_field(2, text) + " 0.9", where="x:1", with_score=True).occluded == state


@pytest.mark.parametrize("text", ["0.8523", "1e300"])
def test_occlusion_of_a_result_has_no_meaning(text):
    assert parse_label_line(with_field(2, text) + " 0.9", where="x:1", with_score=True).occluded == -1
    with pytest.raises(LabelParseError, match=r"occluded: expected a finite number, got 'x'.* Write the result file"):
        parse_label_line(with_field(2, "x") + " 0.9", where="x:1", with_score=True)


@pytest.mark.parametrize("text", ["1", "+1", "1.", ".5", "1e2", "1E-02", "-0"])
def test_usual_ways_to_write_a_number_are_read(text):
    assert parse_label_line(with_field(3, text), where="x:1").alpha == float(text)


@pytest.mark.parametrize("name", ["car", "CAR", "Dontcare", "Bus", "Car,", "0"])
def test_an_unknown_class_is_named_with_the_known_ones(name):
    with pytest.raises(LabelParseError, match=r"x:1: unknown class .*expected one of Car, Van"):
        parse_label_line(with_field(0, name), where="x:1")
    assert parse_fields(with_field(0, name), where="x:1").type == name


def test_other_class_names_may_be_allowed():
    assert parse_label_line(with_field(0, "Bus"), where="x:1", types=("Bus",)).type == "Bus"


@pytest.mark.parametrize(("position", "text"), [(4, "727.32"), (4, "727.31"), (5, "284.78"), (5, "284.77")])
def test_an_inverted_or_empty_box_is_refused(position, text):
    with pytest.raises(LabelParseError, match=r"x:1: inverted or empty box: expected left < right and top < bottom"):
        parse_label_line(with_field(position, text), where="x:1")


def test_a_result_may_have_an_empty_box_but_no_inverted_one():
    parse_label_line(with_field(4, "727.31") + " 0.5", where="x:1", with_score=True)
    with pytest.raises(LabelParseError, match="inverted"):
        parse_label_line(with_field(4, "727.32") + " 0.5", where="x:1", with_score=True)


def test_a_score_is_written_with_all_its_digits():
    obj = replace(parse_label_line(CAR, where="x:1"), score=0.1 + 0.2)
    assert format_label_line(obj).endswith(" 0.30000000000000004")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("\n", 0),
        ("\r\n\n \n", 0),
        (f"{CAR}\n", 1),
        (CAR, 1),
        (f"{CAR}\r\n{DONT_CARE}\r\n", 2),
        (f"{CAR}\n{CAR}\n\n\n", 2),
        (f"\ufeff{CAR}\n", 1),
        ("\ufeff\n", 0),
        (f"{CAR} \t\n", 1),
    ],
)
def test_a_file_is_read_whatever_ends_its_lines(tmp_path, text, count):
    path = tmp_path / "000000.txt"
    path.write_bytes(text.encode())
    assert [format_label_line(o) for o in parse_label_file(path)] == [CAR, DONT_CARE if "Dont" in text else CAR][:count]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"{CAR}\n\n{CAR}\n", 2),
        (f"\n{CAR}\n", 1),
        (f"{CAR}\n{CAR}\nCar 1\n", 3),
        (f"{CAR}\rCar\n", 1),
        (f"{CAR}\n\0", 2),
    ],
)
def test_a_wrong_line_of_a_file_is_found_by_number(tmp_path, text, place):
    path = tmp_path / "label_2" / "000000.txt"
    path.parent.mkdir()
    path.write_bytes(text.encode())
    with pytest.raises(LabelParseError, match=rf"^label_2/000000\.txt:{place}: "):
        parse_label_file(path)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "000000.txt"
    path.write_bytes(CAR.encode() + b"\n\xff\xd8\xff")
    with pytest.raises(LabelParseError, match="expected text, got byte 0xff"):
        parse_label_file(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(LabelParseError, match="cannot read the label file: No such file"):
        parse_label_file(tmp_path / "000000.txt")


def test_a_file_far_too_long_for_labels_is_not_read(tmp_path):
    path = tmp_path / "000000.txt"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(LabelParseError, match=r"expected a label file of at most 16 MiB, got 1,099,511,627,776 bytes"):
        parse_label_file(path)
