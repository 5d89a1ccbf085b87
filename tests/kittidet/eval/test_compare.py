"""Detections B against A: the same number COCO gives, intervals that hold, verdicts that follow from them."""

import hotcoco
import numpy as np
import pytest

from kittidet.errors import EvaluationError
from kittidet.eval.coco import hotcoco_evaluator, score_coco
from kittidet.eval.compare import compare_results, paired_ap

SETTINGS = {"resamples": 200, "confidence": 0.95, "seed": 0}
NAMES = ("a", "b")


def test_values_are_cocos_and_a_class_without_labels_has_none(synthetic_coco):
    truth, a = synthetic_coco()
    _, b = synthetic_coco(found_seed=2, noise=4)
    result = compare_results(truth, a, b, names=NAMES, **SETTINGS)
    for rows, side in ((a, "a"), (b, "b")):
        expected = score_coco(truth, rows, engine="pycocotools")
        assert getattr(result.of("all", "ap"), side) == pytest.approx(expected.ap, abs=1e-9)
        assert getattr(result.of("all", "ap50"), side) == pytest.approx(expected.ap50, abs=1e-9)
        assert getattr(result.of("all", "ap75"), side) == pytest.approx(expected.ap75, abs=1e-9)
        assert getattr(result.of("Car", "ap"), side) == pytest.approx(expected.per_class_ap["Car"], abs=1e-9)
    assert result.of("Tram", "ap").difference is None
    assert result.n_frames == 40


def test_a_run_is_not_distinguishable_from_itself(synthetic_coco):
    truth, rows = synthetic_coco()
    result = compare_results(truth, rows, rows, names=NAMES, **SETTINGS)
    assert result.verdict == "not distinguishable"
    assert (result.of("all", "ap").low, result.of("all", "ap").high) == (0, 0)


def test_a_clear_gain_is_better_and_seen_from_the_other_side_worse(synthetic_coco):
    truth, a = synthetic_coco(noise=15)
    _, b = synthetic_coco(found_seed=2, noise=1)
    there = compare_results(truth, a, b, names=NAMES, **SETTINGS)
    back = compare_results(truth, b, a, names=NAMES, **SETTINGS)
    assert (there.verdict, back.verdict) == ("better", "worse")
    one, other = there.of("all", "ap"), back.of("all", "ap")
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert one.low < one.difference < one.high


def test_chance_alone_is_seldom_called_a_difference(synthetic_coco):
    verdicts = []
    for seed in range(10):
        truth, a = synthetic_coco(30, labels_seed=seed, found_seed=100 + seed)
        _, b = synthetic_coco(30, labels_seed=seed, found_seed=200 + seed)
        verdicts.append(compare_results(truth, a, b, names=NAMES, **SETTINGS).verdict)
    assert verdicts.count("not distinguishable") >= 8


def test_the_interval_is_hotcocos(synthetic_coco):
    truth, a = synthetic_coco(60)
    _, b = synthetic_coco(60, found_seed=2)
    ours = compare_results(truth, a, b, names=NAMES, resamples=1000, confidence=0.95, seed=0).of("all", "ap")
    theirs = hotcoco.compare(hotcoco_evaluator(truth, a), hotcoco_evaluator(truth, b), n_bootstrap=1000)
    assert ours.difference == pytest.approx(theirs["deltas"]["AP"], abs=1e-9)
    width = ours.high - ours.low
    assert ours.low == pytest.approx(theirs["ci"]["AP"]["lower"], abs=0.15 * width)
    assert ours.high == pytest.approx(theirs["ci"]["AP"]["upper"], abs=0.15 * width)


def test_a_run_without_ground_truth_is_refused(synthetic_coco):
    truth, rows = synthetic_coco()
    with pytest.raises(EvaluationError, match="no ground truth"):
        compare_results({**truth, "annotations": []}, rows, rows, names=NAMES, **SETTINGS)


def test_an_unknown_difference_is_refused(synthetic_coco):
    truth, rows = synthetic_coco(5)
    with pytest.raises(ValueError, match="no difference of 'f1'"):
        compare_results(truth, rows, rows, names=NAMES, **SETTINGS).of("all", "f1")
    assert np.isfinite(rows).all()


def test_the_paired_differences_are_those_of_the_comparison(synthetic_coco):
    truth, a = synthetic_coco()
    _, b = synthetic_coco(found_seed=2, noise=4)
    whole = compare_results(truth, a, b, names=NAMES, **SETTINGS).of("all", "ap")
    draws = paired_ap(truth, a, b, resamples=200, seed=0)
    assert draws[0] == pytest.approx(whole.difference)
    assert np.percentile(draws[1:], (2.5, 97.5)) == pytest.approx((whole.low, whole.high))
