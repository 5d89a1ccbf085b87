"""What was found, missed and extra in each frame, and doubtful labels."""

import pytest

from kittidet.classes import ClassTable
from kittidet.eval.coco import hotcoco_evaluator
from kittidet.eval.coco_format import coco_ground_truth, image_ids, result_rows
from kittidet.eval.diagnosis.frames import (
    FrameCounts,
    count_frames,
    inside_dont_care,
    likely_label_errors,
    worst_first,
)
from kittidet.eval.matches import match_detections

TABLE = ClassTable(("Car", "Tram"))
LEFT, RIGHT = (10, 10, 110, 100), (300, 10, 350, 60)
DONT_CARE = ("DontCare", (280, 0, 400, 100))


def scored(frames, found):
    truth, ids = coco_ground_truth(frames, TABLE), image_ids([frame.frame_id for frame in frames])
    rows = result_rows(found, ids, TABLE)
    return truth, rows, {image_id: name for name, image_id in ids.items()}, inside_dont_care(frames, rows, ids)


def counted(frames, found, *, min_score=0.3):
    truth, rows, frame_of, inside = scored(frames, found)
    return count_frames(match_detections(truth, rows), frame_of, inside, min_score=min_score)


CASES = {
    "nothing at all": ([], [], (0, 0, 0)),
    "found": ([("Car", LEFT)], [(1, LEFT, 0.9)], (1, 0, 0)),
    "below the score": ([("Car", LEFT)], [(1, LEFT, 0.2)], (0, 1, 0)),
    "another class": ([("Car", LEFT)], [(2, LEFT, 0.9)], (0, 1, 1)),
    "found twice": ([("Car", LEFT)], [(1, LEFT, 0.9), (1, LEFT, 0.8)], (1, 0, 1)),
    "a lower score takes nothing": ([("Car", LEFT)], [(1, LEFT, 0.9), (1, LEFT, 0.2)], (1, 0, 0)),
    "inside DontCare": ([DONT_CARE], [(1, RIGHT, 0.9)], (0, 0, 0)),
    "found inside DontCare": ([("Car", RIGHT), DONT_CARE], [(1, RIGHT, 0.9), (1, RIGHT, 0.8)], (1, 0, 0)),
    "half inside DontCare": ([DONT_CARE], [(1, (240, 10, 321, 60), 0.9)], (0, 0, 0)),
    "less than half inside DontCare": ([DONT_CARE], [(1, (240, 10, 319, 60), 0.9)], (0, 0, 1)),
    "elsewhere": ([("Car", LEFT)], [(1, (700, 10, 800, 60), 0.9)], (0, 1, 1)),
}


@pytest.mark.parametrize(("rows", "found", "expected"), CASES.values(), ids=CASES)
def test_a_frame_is_counted_as_a_person_would(make_frame, make_found, rows, found, expected):
    # Frames around it, in an order that is not that of their ids: nothing leaks from one to the other.
    frames = [make_frame(9, ("Tram", LEFT)), make_frame(5, *rows), make_frame(1, DONT_CARE)]
    before, one, after = counted(frames, [make_found(5, *found), make_found(9, (2, LEFT, 0.9))])
    assert (one.frame_id, one.found, one.missed, one.extra) == ("000005", *expected)
    assert (before.frame_id, before.found, before.missed, before.extra) == ("000001", 0, 0, 0)
    assert (after.frame_id, after.found, after.missed, after.extra) == ("000009", 1, 0, 0)


@pytest.mark.parametrize(("numbers", "f1"), [((0, 0, 0), 1), ((2, 0, 0), 1), ((0, 3, 0), 0), ((1, 1, 1), 0.5)])
def test_f1_is_of_the_frame_and_one_where_there_was_nothing_to_do(numbers, f1):
    assert FrameCounts("000001", *numbers).f1 == f1


def test_the_worst_frame_is_first_of_equals_the_fuller_one_and_perfect_frames_are_none():
    one, two, three = FrameCounts("a", 0, 1, 0), FrameCounts("b", 0, 2, 1), FrameCounts("c", 5, 1, 4)
    assert worst_first([three, FrameCounts("d", 4, 0, 0), one, FrameCounts("e", 0, 0, 0), two]) == [two, one, three]
    assert worst_first([]) == []


def test_sure_detections_that_labels_contradict_are_listed_but_not_inside_dont_care(make_frame, make_found):
    frames = [
        make_frame(1, ("Car", LEFT), ("Car", RIGHT)),
        make_frame(2, ("Tram", LEFT), DONT_CARE),
    ]
    found = [make_found(1, (1, (700, 10, 800, 60), 0.95)), make_found(2, (1, LEFT, 0.8), (1, RIGHT, 0.99))]
    truth, results, frame_of, inside = scored(frames, found)

    def errors(**limits):
        settings = {"count": 9, "min_score": 0.5, "min_iou": 0.5} | limits
        return likely_label_errors(hotcoco_evaluator(truth, results), frame_of, inside, **settings)

    found = errors()
    assert [(one.frame_id, one.kind, one.detected, one.labelled) for one in found] == [
        ("000001", "missing_annotation", "Car", None),
        ("000002", "wrong_label", "Car", "Tram"),
    ]
    assert found[1].xyxy == pytest.approx(LEFT)
    assert found[1].score == pytest.approx(0.8)
    assert found[1].iou == pytest.approx(1)
    assert errors(count=1) == found[:1]
    assert errors(min_score=0.97) == ()
