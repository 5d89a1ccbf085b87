"""Promises of validation: nothing wrong in real data, every finding on broken data, bad frames set aside by name."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from kittidet.config import RecordsConfig, ValidateConfig
from kittidet.errors import DatasetContractError, KittidetError
from kittidet.kitti.labels import parse_label_file
from kittidet.kitti.tree import open_tree
from kittidet.kitti.validation.findings import check_share, write_validation
from kittidet.kitti.validation.validate import validate_tree


def validate(root, **settings):
    return validate_tree(open_tree(root), config=ValidateConfig(**settings))


def rows_of(report):
    return [tuple(r) for r in report.findings[["frame_id", "line", "check", "severity"]].itertuples(index=False)]


def test_an_empty_tree_has_no_frames_and_is_not_passed_on(tmp_path):
    for name in ("image_2", "label_2"):
        (tmp_path / name).mkdir()
    report = validate(tmp_path)
    assert (report.n_frames, len(report.findings)) == (0, 0)
    with pytest.raises(DatasetContractError, match="0 frames"):
        check_share(report, 1.0)


def test_a_right_tree_passes_whole(small_tree):
    report = check_share(validate(small_tree), 0.0)
    assert report.accepted_ids == ("000000", "000001", "000002", "000003")
    assert (len(report.findings), report.bad_share) == (0, 0.0)


def test_real_frames_pass_whole(real_mini):
    report = check_share(validate(real_mini), 0.0)
    assert (report.n_frames, len(report.findings)) == (11, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{row} 0.9 1\n", [(1, "row_form", "error")]),
        ("{row}\n{short}\n", [(2, "row_form", "error")]),
        ("Bus{rest}\n", [(1, "class_known", "error")]),
        ("{row}\n{nan}\n", [(2, "row_form", "error")]),
        ("{inverted}\n", [(1, "box_left_right", "error")]),
        ("{row}\n\n{van}\n", [(2, "row_form", "error")]),
        ("{row}\n\n\n", [(2, "label_blank_end", "warning")]),
        ("{row}\r\n{van}\r\n", [(1, "label_line_end", "warning")]),
        ("\ufeff{row}\n", [(1, "label_mark", "warning")]),
        ("\ufeff", [(0, "label_empty", "warning"), (1, "label_blank_end", "warning"), (1, "label_mark", "warning")]),
        ("{row}  \t\n", []),
        ("", [(0, "label_empty", "warning")]),
        (
            "{short}\nBus{rest}\n{nan}\n",
            [(1, "row_form", "error"), (2, "class_known", "error"), (3, "row_form", "error")],
        ),
    ],
)
def test_every_fault_of_a_label_file_is_found_at_its_line(small_tree, row, text, expected):
    parts = {
        "row": row,
        "rest": row.removeprefix("Car"),
        "van": row.replace("Car", "Van"),
        "short": row.rpartition(" ")[0],
        "nan": row.replace("1.47", "nan"),
        "inverted": row.replace("10.00 10.00 30.00", "30.00 10.00 10.00"),
    }
    path = small_tree / "training/label_2/000002.txt"
    path.write_bytes(text.format(**parts).encode())
    report = validate(small_tree)
    # Types that are not listed are counted for the whole folder as well.
    of_lines = [found for found in rows_of(report) if found[2] != "class_unlisted"]
    assert of_lines == [("000002", *e) for e in expected]
    assert len(rows_of(report)) - len(of_lines) == ("Bus" in text)
    for name, place, message in report.findings[["frame_id", "line", "message"]].itertuples(index=False):
        file = "label_2/000002.txt" if name else "label_2"
        assert message.startswith(f"{file}{f':{place}' if place else ''}: ")
    is_bad = any(severity == "error" for *_, severity in expected)
    assert report.set_aside_ids == (("000002",) if is_bad else ())
    assert len(report.accepted_ids) == 4 - is_bad
    if not is_bad:
        parse_label_file(path)


def test_a_label_file_that_is_no_text_is_a_finding(small_tree):
    (small_tree / "training/label_2/000002.txt").write_bytes(b"\xff\xfe")
    assert rows_of(validate(small_tree)) == [("000002", 0, "label_readable", "error")]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="the system has no file that fails when it is read")
@pytest.mark.parametrize("file", ["image_2/000001.png", "label_2/000001.txt"])
def test_a_disk_that_fails_is_no_finding(small_tree, file):
    """It may work a second later, and a finding would be kept under the digest of good data."""
    path = small_tree / "training" / file
    path.unlink()
    path.symlink_to("/proc/self/mem")
    with pytest.raises(KittidetError, match="Input/output error") as caught:
        validate(small_tree)
    assert isinstance(caught.value.__cause__, OSError)


def test_faults_of_names_images_and_rows_are_found_together(small_tree, row):
    training = small_tree / "training"
    (training / "image_2/000000.png").unlink()
    (training / "image_2/000001.png").write_bytes(b"GIF89a")
    (training / "label_2/000002.txt").write_text(row.replace("30.00 30.00", "999.00 30.00") + "\n")
    report = validate(small_tree)
    assert rows_of(report) == [
        ("000001", 0, "image_png", "error"),
        ("000000", 0, "image_present", "error"),
        ("000002", 1, "box_inside_image", "error"),
    ]
    assert (report.n_frames, report.accepted_ids, report.bad_share) == (4, ("000003",), 0.75)


def test_whatever_passes_is_read_by_the_strict_parser(small_tree, row):
    """The two must agree: a frame that validation accepts never stops a later step."""
    lines = [
        "",
        row,
        row + "\r",
        f"{row} 1",
        f"{row} 1 2",
        row.replace("30.00 30.00", "10.00 30.00"),
        row.replace("Car", "X"),
        " ",
    ]
    lines += [row.replace("Car 0.00 0", f"Car {values}") for values in ("-1 -1", "2 4", "1.00 1.0", "0 0.5")]
    path = small_tree / "training/label_2/000000.txt"
    for first in lines:
        for second in lines:
            path.write_bytes(f"{first}\n{second}\n".encode())
            accepted = "000000" in validate(small_tree, check_pixels=False).accepted_ids
            try:
                parse_label_file(path)
                parses = True
            except Exception:  # noqa: BLE001 - any error at all would stop a later step
                parses = False
            assert accepted == parses, (first, second)


def test_labels_of_other_writers_are_accepted_with_one_warning_for_each_habit(small_tree, row):
    """Cases: labels_16_columns, labels_minus_one, labels_tracking_truncated_2."""
    for k, values in enumerate(("-1 -1", "2 4", "1 3")):
        (small_tree / f"training/label_2/{k:06d}.txt").write_text(f"{row.replace('0.00 0', values)} 0.9\n" * 2)
    report = validate(small_tree)
    assert report.set_aside_ids == ()
    habits = report.findings[report.findings["check"] != "row_repeated"]
    assert [
        (c, s, m.split(",")[0]) for c, s, m in habits[["check", "severity", "message"]].itertuples(index=False)
    ] == [
        ("label_score", "warning", "label_2: 6 rows of 3 files"),
        ("occluded_unknown", "warning", "label_2: 4 rows of 2 files"),
        ("truncated_level", "warning", "label_2: 2 rows of 1 files"),
        ("truncated_unknown", "warning", "label_2: 2 rows of 1 files"),
    ]


def test_other_class_names_may_be_asked_for(small_tree):
    report = validate_tree(open_tree(small_tree), config=ValidateConfig(), classes=("Van",))
    assert set(report.findings["check"]) == {"class_known", "class_unlisted"}
    assert report.bad_share == 1.0


@pytest.mark.parametrize("unlisted", ["leave_out", "ignore"])
def test_types_that_are_not_listed_set_no_frame_aside_where_the_setting_says_so(small_tree, unlisted):
    report = validate_tree(open_tree(small_tree), config=ValidateConfig(), classes=("Van",), unlisted=unlisted)
    assert list(report.findings["check"]) == ["class_unlisted"]
    assert report.set_aside_ids == ()


def test_findings_are_the_same_each_time(small_tree, tmp_path):
    for k in range(4):
        (small_tree / f"training/label_2/{k:06d}.txt").write_text("Bus\nCar 1\n")
    texts = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_validation(validate(small_tree), tmp_path / name)
        texts.append((tmp_path / name / "findings.csv").read_bytes())
    assert texts[0] == texts[1]
    assert texts[0].count(b"\n") == 9


def test_validation_loads_no_tensorflow():
    code = (
        "import sys\nimport kittidet.kitti.validation.validate, kittidet.kitti.archive, kittidet.kitti.split\n"
        "sys.exit(bool({'tensorflow', 'keras', 'prefect'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_the_real_labels_with_images_of_their_sizes_pass_whole(real_texts, real_csv, make_png, tmp_path):
    training = tmp_path / "training"
    for name in ("image_2", "label_2"):
        (training / name).mkdir(parents=True)
    listed = dict(line.split(",", 1) for line in real_csv("image_sizes.csv").read_text().split()[1:])
    drawn = {}
    for frame_id, text in real_texts("labels_train3712.zip").items():
        (training / "label_2" / f"{frame_id}.txt").write_text(text)
        size = listed[frame_id]
        if size not in drawn:
            drawn[size] = tmp_path / f"{size}.png"
            drawn[size].write_bytes(make_png(*map(int, size.split(","))))
        os.link(drawn[size], training / "image_2" / f"{frame_id}.png")
    tree = open_tree(tmp_path)
    report = check_share(validate_tree(tree, config=ValidateConfig(check_pixels=False, edge_tolerance_px=0)), 0.0)
    assert (report.n_frames, len(report.findings)) == (3712, 0)
    counts = Counter(o.type for i in tree.frame_ids for o in parse_label_file(tree.label_path(i)))
    assert counts["Car"] + counts["DontCare"] < counts.total() == 25099


def test_own_types_are_known_and_another_names_the_setting(small_tree, row):
    """case: own_class"""
    label = small_tree / "training/label_2/000002.txt"
    label.write_text(row.replace("Car", "helmet") + "\n" + row.replace("Car", "Vest") + "\n")
    classes = RecordsConfig(classes=("helmet", "vest")).table().types
    report = validate_tree(open_tree(small_tree), config=ValidateConfig(), classes=classes)
    assert rows_of(report) == [("", 0, "class_unlisted", "error"), ("000002", 2, "class_known", "error")]
    assert "Vest 1 (did you mean vest?)" in report.findings["message"][0]
    assert "expected one of helmet, vest" in report.findings["message"][1]
    assert "`records.classes`" in report.findings["message"][1]
