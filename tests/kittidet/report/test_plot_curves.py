import numpy as np
import pytest

from kittidet.classes import KITTI3
from kittidet.report.plot_curves import calibration, confusion, f1_by_score, precision_recall
from kittidet.report.style import panel, report_style

X = np.linspace(0, 1, 5)


def painted(paint):
    with report_style():
        return panel(paint).axes[0]


def test_a_curve_is_drawn_for_each_class_and_the_mean():
    axes = painted(precision_recall(X, {"Vehicle": 1 - X, "Cyclist": X}, KITTI3))
    lines = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
    assert set(lines) == {"Vehicle", "Cyclist", "mean"}
    assert np.allclose(lines["mean"], 0.5)


def test_the_best_threshold_is_marked_with_its_f1():
    axes = painted(f1_by_score(X, {"Vehicle": np.array([0, 0.2, 0.8, 0.3, 0])}, KITTI3, best=0.5))
    assert [text.get_text() for text in axes.texts] == ["best mean F1 0.80 at 0.50"]


@pytest.mark.parametrize("bins", [[], [(0.0, 0.0, 0)], [(0.2, 0.1, 10), (0.0, 0.0, 0), (0.9, 0.8, 2)]])
def test_bins_without_detections_have_no_dot(bins):
    dots = painted(calibration(bins)).collections[0].get_offsets()
    assert len(dots) == sum(count > 0 for *_, count in bins)


def test_a_row_of_the_confusion_matrix_is_shaded_by_its_shares():
    matrix = np.zeros((4, 4), np.int64)
    matrix[0] = [6, 0, 0, 2]
    matrix[3, 1] = 5
    axes = painted(confusion(matrix, KITTI3.names))
    shown = np.asarray(axes.images[0].get_array())
    assert shown[0].tolist() == [0.75, 0, 0, 0.25]
    assert shown[1].tolist() == [0, 0, 0, 0]
    assert sorted(text.get_text() for text in axes.texts) == ["2", "5", "6"]
    assert [label.get_text() for label in axes.get_xticklabels()] == [*KITTI3.names, "missed"]
