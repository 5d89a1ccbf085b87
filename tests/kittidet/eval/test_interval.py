import numpy as np
import pytest

from kittidet.eval.interval import ap_intervals
from kittidet.eval.matches import ClassMatches, Matches

FRAMES = 40


def matches(right: np.ndarray, *, labels: int = 1) -> Matches:
    """One label and one detection a frame, right or wrong; a second class without ground truth."""
    n = len(right)
    rows = np.tile(right, (10, 1))
    one = ClassMatches(
        "Car", np.arange(n), np.linspace(1, 0.5, n), rows, np.ones_like(rows), np.full(n, labels), np.arange(n)
    )
    no = np.zeros((10, 0), bool)
    none = ClassMatches(
        "Tram", np.zeros(0, np.int64), np.zeros(0), no, no, np.zeros(n, np.int64), np.zeros(0, np.int64)
    )
    return Matches(np.arange(n), (one, none))


def test_a_perfect_detector_is_perfect_in_every_draw():
    found = ap_intervals(matches(np.ones(FRAMES, bool)), resamples=50, confidence=0.95, seed=0)
    assert found.ap == found.ap50 == found.ap75 == found.per_class_ap["Car"] == (1, 1)
    assert found.per_class_ap["Tram"] is None
    assert found.frames == FRAMES


def test_more_confidence_is_a_wider_interval_and_the_seed_is_kept():
    right = np.arange(FRAMES) % 3 > 0
    narrow = ap_intervals(matches(right), resamples=300, confidence=0.5, seed=1)
    wide = ap_intervals(matches(right), resamples=300, confidence=0.95, seed=1)
    assert wide.ap[0] < narrow.ap[0] < narrow.ap[1] < wide.ap[1]
    assert ap_intervals(matches(right), resamples=300, confidence=0.95, seed=1) == wide


def test_without_an_object_there_is_no_interval():
    with pytest.raises(ValueError, match="labelled object"):
        ap_intervals(matches(np.ones(4, bool), labels=0), resamples=10, confidence=0.9, seed=0)
