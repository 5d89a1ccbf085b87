"""Curves over recall and score, against counting by hand and against COCO's."""

import numpy as np
import pytest

from kittidet.eval.coco import hotcoco_evaluator
from kittidet.eval.diagnosis.curves import RECALLS, THRESHOLDS, score_curves
from kittidet.eval.matches import match_detections


def test_without_ground_truth_there_is_no_curve(synthetic_coco):
    truth, rows = synthetic_coco(3)
    with pytest.raises(ValueError, match="at least one class"):
        score_curves(match_detections({**truth, "annotations": []}, rows))


def test_nothing_detected_is_recall_0(synthetic_coco):
    truth, _ = synthetic_coco(5)
    mean, by_class = score_curves(match_detections(truth, np.empty((0, 7))))
    assert (mean.recall == 0).all()
    assert (mean.precision == 1).all()
    assert (mean.precision_by_recall == 0).all()
    assert mean.best_f1 == 0
    assert set(by_class) == {"Car", "Pedestrainn"}


@pytest.mark.parametrize("crowds", [0, 1])
def test_precision_over_recall_is_cocos(synthetic_coco, crowds):
    truth, rows = synthetic_coco(40, crowds=crowds)
    _, by_class = score_curves(match_detections(truth, rows))
    precision = hotcoco_evaluator(truth, rows).eval["precision"]
    for k, curves in enumerate(by_class.values()):
        np.testing.assert_allclose(curves.precision_by_recall, precision[0, :, k, 0, -1], atol=1e-12)


def test_curves_over_score_are_what_counting_gives(synthetic_coco):
    truth, rows = synthetic_coco(40)
    matches = match_detections(truth, rows)
    mean, by_class = score_curves(matches)
    for one in matches.classes[:2]:
        curves, labels = by_class[one.name], one.labels.sum()
        for i in range(0, len(THRESHOLDS), 7):
            kept = one.score >= THRESHOLDS[i]
            hits = one.is_right[0][kept].sum()
            assert curves.precision[i] == pytest.approx(hits / kept.sum() if kept.any() else 1)
            assert curves.recall[i] == pytest.approx(hits / labels)
            assert curves.f1[i] == pytest.approx(2 * hits / (kept.sum() + labels))
        assert curves.best_f1 == curves.f1.max()
        assert curves.f1[np.searchsorted(THRESHOLDS, curves.best_threshold)] == pytest.approx(curves.best_f1)
    np.testing.assert_allclose(mean.f1, np.mean([c.f1 for c in by_class.values()], axis=0))
    assert len(RECALLS) == 101
