from pathlib import Path

import numpy as np
import pytest

from kittidet.classes import KITTI8
from kittidet.frame import Frame, KittiObject
from kittidet.report.plot_labels import box_places, box_sizes, label_counts
from kittidet.report.style import panel, report_style, to_svg


def frame(*boxes: tuple[float, float, float, float]) -> Frame:
    rows = tuple(KittiObject("Car", 0, 0, 0, b, (1, 1, 1), (0, 0, 9), 0) for b in boxes)
    return Frame("0", Path("x.png"), (160, 48), rows)


@pytest.mark.parametrize("frames", [[], [frame()], [frame((0, 0, 160, 48), (10, 10, 12, 12), (-5, -5, 300, 99))]])
def test_any_set_of_frames_can_be_drawn(frames):
    with report_style():
        for paint in (box_sizes(frames, KITTI8), box_places(frames, KITTI8), label_counts({}, KITTI8)):
            assert to_svg(panel(paint), title="t").startswith("<svg")


def test_bars_are_as_long_as_there_are_objects():
    with report_style():
        axes = panel(label_counts({"train": {"Car": 40}, "val": {"Car": 9, "Van": 3}}, KITTI8)).axes[0]
    widths = [round(patch.get_width()) for patch in axes.patches]
    assert widths == [40, *[0] * 7, 9, 3, *[0] * 6]
    assert "40 train" in [text.get_text() for text in axes.texts]


def test_the_heat_is_where_the_boxes_are():
    with report_style():
        axes = panel(box_places([frame((80, 24, 160, 48))], KITTI8)).axes[0]
    grid = np.asarray(axes.images[0].get_array())
    assert grid[30:, 100:].min() == 1
    assert grid[:24].max() == 0
