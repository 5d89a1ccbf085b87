import re
import xml.etree.ElementTree as ET

import matplotlib as mpl
import pytest

from kittidet.classes import KITTI8
from kittidet.report.style import ACCENT, panel, plot_colours, report_style, save_png, to_svg


def figure():
    with report_style():
        return panel(lambda axes: (axes.plot([0, 1], [1, 0], color=ACCENT, label="a & b"), axes.legend()))


def test_an_svg_is_well_formed_follows_the_page_and_asks_nothing_of_the_network():
    with report_style():
        svg = to_svg(figure(), title='A "quoted" <title>')
    root = ET.fromstring(svg)
    assert root.get("aria-label") == 'A "quoted" <title>'
    assert "var(--accent)" in svg
    assert "var(--ink)" in svg
    assert "DejaVu" not in svg
    assert "<style" not in svg
    assert root.get("width") is None
    assert not re.search(r"(href|src)=\"(?!#)", svg)


def test_ids_of_two_plots_do_not_meet():
    with report_style():
        one, two = to_svg(figure(), title="One"), to_svg(figure(), title="Two")
    ids = [set(re.findall(r' id="([^"]+)"', svg)) for svg in (one, two)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for svg, names in zip((one, two), ids, strict=True):
        assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= names


def test_equal_figures_are_equal_files(tmp_path):
    with report_style():
        save_png(figure(), tmp_path / "a.png")
        save_png(figure(), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_style_is_gone_after_the_block_even_on_an_error():
    before = mpl.rcParams["font.size"], mpl.rcParams["svg.fonttype"]
    with pytest.raises(RuntimeError), report_style():
        raise RuntimeError
    assert (mpl.rcParams["font.size"], mpl.rcParams["svg.fonttype"]) == before


def test_every_class_has_its_own_line_colour():
    assert len(set(plot_colours(KITTI8).values())) == len(KITTI8)
