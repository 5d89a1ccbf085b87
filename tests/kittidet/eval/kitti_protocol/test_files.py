"""Folders of label and result files: what is read, what is counted, and what is refused."""

import re

import pytest

from kittidet.errors import EvaluationError, KittidetError, LabelParseError
from kittidet.eval.kitti_protocol import read_frame_list, read_scoring_input

LABEL = "Car 0.00 0 -1.57 10.00 10.00 110.00 90.00 1.50 1.60 3.90 1.00 1.50 20.00 -1.50"
RESULT = "Car -1 -1 -10 10.00 10.00 110.00 90.00 -1 -1 -1 -1000 -1000 -1000 -10 0.9"


@pytest.fixture
def folders(tmp_path):
    """Three frames with labels and results."""
    labels, detections = tmp_path / "label_2", tmp_path / "found"
    for folder, line in ((labels, LABEL), (detections, RESULT)):
        folder.mkdir()
        for number in range(3):
            (folder / f"{number:06d}.txt").write_text(line + "\n")
    return labels, detections


def frame_list(tmp_path, text):
    path = tmp_path / "val.txt"
    path.write_text(text)
    return path


def test_frames_with_a_result_file_are_scored_and_the_rest_is_counted(folders):
    labels, detections = folders
    (detections / "000001.txt").unlink()
    given = read_scoring_input(labels, detections)
    assert list(given.ground_truth) == list(given.detections) == ["000000", "000002"]
    assert given.detections["000002"][0].score == 0.9
    assert given.notes == ("1 label files have no detection file and are not scored; name frames with --frames.",)


def test_the_devkits_data_folder_is_found(folders):
    labels, detections = folders
    (detections / "data").mkdir()
    for file in detections.glob("*.txt"):
        file.rename(detections / "data" / file.name)
    assert len(read_scoring_input(labels, detections).detections) == 3
    assert read_scoring_input(labels, detections).notes == ()
    (detections / "000000.txt").write_text("")
    (note,) = read_scoring_input(labels, detections).notes
    assert note.startswith("1 files in ")
    assert "not scored" in note


def test_a_byte_order_mark_shows_in_the_note(folders):
    labels, detections = folders
    (detections / "000000.txt").write_text(f"\ufeff{RESULT}\n", encoding="utf-8")
    assert read_scoring_input(labels, detections).notes == (r"1 rows of classes KITTI does not have: '\ufeffCar' x1.",)


def test_a_list_names_the_frames_in_its_order(folders, tmp_path):
    given = read_scoring_input(*folders, frame_list(tmp_path, "000002\n000000\n\n"))
    assert list(given.ground_truth) == ["000002", "000000"]


def test_an_empty_result_file_is_a_frame_without_detections(folders):
    labels, detections = folders
    (detections / "000001.txt").write_text("")
    (labels / "000002.txt").write_text("")
    given = read_scoring_input(labels, detections)
    assert given.detections["000001"] == []
    assert given.ground_truth["000002"] == []
    assert given.notes == ("1 of 3 detection files are empty.",)


def test_letter_case_foreign_classes_and_blank_lines_are_read_as_in_the_devkit_and_counted(folders):
    labels, detections = folders
    (labels / "000000.txt").write_text(LABEL.replace("Car", "DONTCARE") + "\n\n" + LABEL.replace("Car", "car") + "\n")
    (detections / "000000.txt").write_text(RESULT.replace("Car", "Bus") + "\n")
    given = read_scoring_input(labels, detections)
    assert [row.type for row in given.ground_truth["000000"]] == ["DontCare", "Car"]
    assert given.notes == (
        "2 rows spell a class in another case: DONTCARE x1, car x1.",
        "1 rows of classes KITTI does not have: Bus x1.",
        "1 blank lines were skipped.",
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (RESULT.rsplit(" ", 1)[0], "expected 16 fields, score last, got 15: .*The score is missing"),
        (RESULT + " 7", "expected 16 fields, score last, got 17"),
        (RESULT.replace("110.00", "nan"), "right: expected a finite number, got 'nan'"),
        (RESULT.replace("0.9", "high"), "score: expected a finite number, got 'high'"),
        (RESULT.replace("Car", "Person sitting"), "class name 'Person sitting': expected one word, got 2"),
        (RESULT.replace("110.00", "5.00"), "negative size: .* right=5"),
        (RESULT.replace("90.00", "-3"), "negative size: .* bottom=-3"),
    ],
)
def test_a_wrong_result_row_is_named_by_file_and_line(folders, line, message):
    (folders[1] / "000001.txt").write_text(f"{RESULT}\n{line}\n")
    with pytest.raises(LabelParseError, match=r"found/000001\.txt:2: " + message):
        read_scoring_input(*folders)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LABEL + " 1 2", r":1: expected 15 fields, got 17"),
        (LABEL.replace(" 0 ", " 0.5 "), r":1: occluded: expected an integer"),
        (LABEL.replace("Car", "Person sitting"), r":1: class name 'Person sitting'.* Write it as Person_sitting"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git-LFS pointer"),
    ],
)
def test_a_wrong_label_row_is_named_by_file_and_line(folders, text, message):
    (folders[0] / "000001.txt").write_text(text + "\n")
    with pytest.raises(LabelParseError, match=r"label_2/000001\.txt" + ".*" + message):
        read_scoring_input(*folders)


def test_what_the_devkit_skips_may_be_written_in_any_way(folders):
    """Cases: results_float_occluded, labels_16_columns."""
    labels, detections = folders
    (labels / "000000.txt").write_text(LABEL.replace(" 0.00 0 ", " 0 1.0000 ") + " 1.00\n")
    (detections / "000000.txt").write_text(RESULT.replace(" -1 -1 -10 ", " 0.0000 0.3 -10 ") + "\n")
    given = read_scoring_input(labels, detections)
    assert (given.ground_truth["000000"][0].occluded, given.ground_truth["000000"][0].score) == (1, None)
    assert given.detections["000000"][0].score == 0.9
    assert given.notes == ("1 label rows have a 16th column, a score: it is passed over.",)


def test_listed_frames_without_a_result_file_may_count_as_empty(folders, tmp_path):
    listed = frame_list(tmp_path, "000000\n000001\n")
    (folders[1] / "000001.txt").unlink()
    given = read_scoring_input(*folders, listed, missing_is_empty=True)
    assert {name: len(rows) for name, rows in given.detections.items()} == {"000000": 1, "000001": 0}
    assert given.notes == ("1 of 2 frames have no detection file: nothing was found in them.",)
    for file in folders[1].iterdir():
        file.unlink()
    assert read_scoring_input(*folders, listed, missing_is_empty=True).detections == {"000000": [], "000001": []}
    with pytest.raises(ValueError, match="needs a list"):
        read_scoring_input(*folders, missing_is_empty=True)


def test_results_for_frames_without_labels_are_refused(folders):
    (folders[1] / "000009.txt").write_text(RESULT + "\n")
    with pytest.raises(EvaluationError, match="has no labels for 1 of 4 frames: 000009"):
        read_scoring_input(*folders)


@pytest.mark.parametrize(("which", "what"), [(0, "lacks the label file of"), (1, "lacks the detection file of")])
def test_a_list_that_names_more_than_there_is_is_refused(folders, tmp_path, which, what):
    (folders[which] / "000001.txt").unlink()
    with pytest.raises(EvaluationError, match=f"{what} 1 of 3 frames: 000001"):
        read_scoring_input(*folders, frame_list(tmp_path, "000000\n000001\n000002\n"))


@pytest.mark.parametrize("which", [0, 1])
def test_a_folder_that_is_missing_or_empty_is_refused(folders, which):
    for file in folders[which].iterdir():
        file.unlink()
    with pytest.raises(EvaluationError, match=re.escape(f"{folders[which]}: expected")):
        read_scoring_input(*folders)
    folders[which].rmdir()
    with pytest.raises(EvaluationError, match="got nothing there"):
        read_scoring_input(*folders)


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "got no frame"), ("000001\n000002\n000001\n", r"val\.txt:3: frame 000001 is there twice, first in line 1")],
)
def test_a_list_without_frames_or_with_a_repeat_is_refused(tmp_path, text, message):
    with pytest.raises(EvaluationError, match=message):
        read_frame_list(frame_list(tmp_path, text))


def test_a_list_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(KittidetError, match="cannot read the list"):
        read_frame_list(tmp_path / "absent.txt")
