import pytest

from kittidet.classes import KITTI8
from kittidet.eval.score_text import fact_text, is_kitti, leakage_text, limit_text, score_text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(None, 3, "no ground truth"), (0.0, 3, "0.000"), (0.4567, 3, "0.457"), (99.95, 1, "100.0")],
)
def test_a_score_of_zero_is_a_number_and_none_is_words(value, digits, text):
    assert score_text(value, digits) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not known"),
        (3, "3"),
        (0.25, "0.2500"),
        ([], "none"),
        ({}, "none"),
        (["a", 1], "a, 1"),
        ({"train": {"Car": 2}, "leakage": None}, "train Car 2, leakage not known"),
    ],
)
def test_a_fact_is_one_line_whatever_it_is(value, text):
    assert fact_text(value) == text


@pytest.mark.parametrize(
    ("classes", "source", "expected"),
    [
        (KITTI8.names, "official", True),
        (list(KITTI8.names), "folder", True),
        (KITTI8.names, None, True),
        (KITTI8.names, "synthetic", False),
        (KITTI8.names, "coco", False),
        (("helmet",), "folder", False),
        (("helmet",), None, False),
    ],
)
def test_data_is_kittis_by_its_classes_and_its_source(classes, source, expected):
    assert is_kitti(classes, source) is expected


def test_ap_beyond_cocos_hundred_detections_is_said_with_the_one_that_stops_there():
    assert limit_text({}) is limit_text({"max_detections": 100, "ap_at_100": 0.5}) is None
    told = limit_text({"max_detections": 150, "ap_at_100": 0.5})
    assert told is not None
    assert "up to 150 detections" in told
    assert "limit of 100, as in published results, it is 0.500." in told


@pytest.mark.parametrize(
    ("leakage", "nearness", "text"),
    [
        (None, None, "not known"),
        (
            {"shared_val_frames": 0, "share": 0.0},
            {"median": None},
            "0% of validation frames share a drive with training",
        ),
        ({"shared_val_frames": 3, "share": 0.75}, None, "75% of validation frames share a drive with training"),
        (
            {"shared_val_frames": 3, "share": 0.75},
            {"median": 0.4},
            "75% of validation frames share a drive with training, the nearest training frame 0.4 s away (median)",
        ),
        (None, {"near": 1, "frames": 4}, "drives unknown; 25% of validation frames look like a training frame"),
    ],
)
def test_how_near_validation_is_to_training_is_one_line(leakage, nearness, text):
    assert leakage_text({"leakage": leakage, "nearness": nearness}) == text
    assert leakage_text({}) == "not known"
    assert leakage_text({"val_is_train": True, "leakage": leakage}).endswith(
        "scored on the frames that it was trained on"
    )
