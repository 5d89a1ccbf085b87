import math

import pytest

from kittidet.report.plot_training import results_figure, training_panels
from kittidet.report.style import panel, report_style

HISTORY = {
    "epoch": [1.0, 2.0, 3.0],
    "step": [10.0, 20.0, 30.0],
    "loss": [3.0, 2.0, 1.0],
    "box_loss": [1.0, 0.5, math.nan],
    "iou_loss": [0.0, 0.0, 0.0],
    "learning_rate": [0.1, 0.05, 0.01],
    "num_positives": [5.0, 6.0, 7.0],
    "seconds": [1.0, 1.0, 1.0],
}
CHECKPOINTS = [
    {"step": 20, "epoch": 2, "average_of": [], "ap": 0.3, "ap50": 0.5, "ap75": None, "best": True},
    {"step": 30, "epoch": 3, "average_of": [], "ap": 0.2, "ap50": 0.4, "ap75": 0.1, "best": False},
]


def painted(title: str, history=HISTORY, checkpoints=CHECKPOINTS):
    with report_style():
        return panel(dict(training_panels(history, checkpoints))[title]).axes[0]


def test_there_is_a_panel_for_what_there_are_numbers_for():
    assert training_panels({}, []) == []
    titles = [title for title, _ in training_panels(HISTORY, CHECKPOINTS)]
    assert titles == ["Loss", "Validation AP", "Learning rate", "Matched anchors a batch"]


def test_the_loss_shows_its_parts_and_marks_the_picked_checkpoint():
    axes = painted("Loss")
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert {"loss", "box_loss"} <= set(lines)
    assert "iou_loss" not in lines
    marks = [line for line in axes.get_lines() if list(line.get_xdata()) == [2, 2]]
    assert len(marks) == 1
    assert [text.get_text() for text in axes.texts] == ["best: step 20"]


def test_scores_without_ground_truth_leave_a_gap():
    axes = painted("Validation AP")
    ap75 = next(line for line in axes.get_lines() if line.get_label() == "AP75")
    assert math.isnan(ap75.get_ydata()[0])
    assert ap75.get_ydata()[1] == pytest.approx(0.1)


def test_without_a_picked_checkpoint_nothing_is_marked():
    assert not painted("Loss", checkpoints=[{**c, "best": False} for c in CHECKPOINTS]).texts


def test_an_average_is_named_as_one_and_is_no_point_of_the_curve():
    average = {"step": 30, "epoch": 3, "average_of": [20, 30], "ap": 0.9, "ap50": 0.9, "ap75": 0.9, "best": True}
    checkpoints = [*[{**c, "best": False} for c in CHECKPOINTS], average]
    axes = painted("Validation AP", checkpoints=checkpoints)
    assert [text.get_text() for text in axes.texts] == ["best: average 30"]
    assert all(max(line.get_ydata()) < 0.9 for line in axes.get_lines() if line.get_label() == "AP")


def test_ap_is_shown_for_each_epoch_that_was_scored_while_training():
    axes = painted("Validation AP", history={**HISTORY, "val_ap": [0.1, math.nan, 0.2]})
    curve = next(line for line in axes.get_lines() if line.get_label() == "AP")
    assert (list(curve.get_xdata()), list(curve.get_ydata())) == ([1, 3], [0.1, 0.2])


@pytest.mark.parametrize("count", [0, 1, 4])
def test_all_panels_go_on_one_sheet(count):
    panels = training_panels(HISTORY, CHECKPOINTS)[:count]
    with report_style():
        assert len(results_figure(panels).axes) == count


def test_a_single_epoch_is_visible_as_a_dot():
    axes = painted("Loss", {"epoch": [1.0], "loss": [2.0]}, [])
    assert axes.get_lines()[0].get_marker() == "o"
