import re
from pathlib import Path

import pytest

from kittidet.report import page
from kittidet.report.page import PagePlot, render_page

MINIMAL = {
    "name": "<script>alert(1)</script>",
    "intro": "a & b",
    "badge": None, "nearness": None,
    "tiles": [{"value": "0.5", "label": "AP"}],
    "coco": {
        "ap": 0.5, "ap50": None, "ap75": 0.1, "n_images": 1,
        "limit": None, "interval": "", "confidence": "95%", "n_ground_truth": 1, "sizes": [],
        "classes": [{"name": "Car", "ap": None, "ap50": None, "count": "0",
                     "colour": "#123456", "bright": "#123456", "interval": ""}],
    },
    "is_kitti": True,
    "kitti": None, "kitti_notes": [], "kitti_missing": "no KITTI labels here", "no_data": "no data here",
    "checkpoints": [], "training": [], "training_facts": [("batch", "16 images")],
    "curves": [PagePlot("<svg></svg>", "a.png", "c")], "tables": [], "min_score": 0.3,
    "gallery": [], "label_errors": [], "leakage": {"fine": True, "title": "None.", "text": "x"},
    "data_facts": [("a", "<b>")],
    "label_plots": [], "commands": "kittidet", "digests": [], "environment": [], "environment_title": "e",
    "certificate": None,
    "config": '{"a": "</pre><script>"}',
}  # fmt: skip


def test_what_comes_from_a_run_is_escaped_and_the_plots_are_not():
    html = render_page(MINIMAL)
    assert "alert(1)</script>" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "<svg></svg>" in html
    assert "</pre><script>" not in html


@pytest.mark.parametrize("is_kitti", [True, False])
def test_kittis_licence_stands_below_kittis_data_alone(is_kitti):
    assert ("CC BY-NC-SA" in render_page({**MINIMAL, "is_kitti": is_kitti})) is is_kitti


def test_what_is_missing_is_said_in_its_place():
    html = render_page(MINIMAL)
    assert html.count("no data here") == html.count("no KITTI labels here") == 1
    assert "no ground truth" in html
    assert "history.csv has no rows" in html


def test_a_name_that_the_page_needs_and_does_not_get_is_an_error():
    with pytest.raises(ValueError, match="intro"):
        render_page({key: value for key, value in MINIMAL.items() if key != "intro"})


def test_template_style_and_script_are_where_the_package_looks():
    for name in ("page.html", "page.css", "page.js"):
        assert (Path(page.__file__).parent / name).is_file()


def test_the_kitti_table_has_a_second_line_or_a_reason():
    row = {
        "colour": "#123456",
        "iou": 0.7,
        "not_scored": None,
        "order_free": [],
        "intervals": [],
        "objects": "1 / 2 / 3",
    }
    rows = [
        {**row, "name": "Car", "numbers": (), "not_scored": "part of Vehicle"},
        {
            **row,
            "name": "Cyclist",
            "numbers": (50.0,) * 6,
            "order_free": ["52.50 (+2.50)"] * 6,
            "intervals": ["48.1-51.9"] * 6,
        },
    ]
    html = render_page({**MINIMAL, "kitti": rows, "kitti_notes": ["Cyclist: few"]})
    assert '<p class="note">Cyclist: few</p>' in html
    assert '<td class="none" colspan="7">- (part of Vehicle)</td>' in html
    assert html.count("<td>1 / 2 / 3</td>") == 1
    assert html.count("52.50 (+2.50)") == html.count("48.1-51.9") == 6
    assert "<td>0.00</td>" not in html
    assert "Order-free: " in html
    assert "Order-free: " not in render_page({**MINIMAL, "kitti": rows[:1]})


def test_the_badge_and_the_leakage_stand_in_the_headline():
    leakage = {"fine": False, "title": "94% leakage.", "text": "Do not trust it."}
    html = render_page({**MINIMAL, "badge": "synthetic scenes, not KITTI", "leakage": leakage})
    headline = html[: html.index("</header>")]
    assert '<p class="badge">synthetic scenes, not KITTI</p>' in headline
    assert "<b>94% leakage.</b> Do not trust it." in headline
    assert 'class="badge"' not in render_page(MINIMAL)


def test_the_page_fits_a_phone_and_wide_tables_scroll_inside_themselves():
    """A browser checks it where there is one (test_in_browser)."""
    html = render_page({**MINIMAL, "kitti": []})
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
    css = (Path(page.__file__).parent / "page.css").read_text()
    assert not re.search(r"\.interval[^{}]*\{[^}]*display: none", css), "intervals are for phones too"
    # 350 px are left of 390 beside the margins; within min() and clamp() the browser takes what there is room for.
    fixed = re.sub(r"min\(100%, *\d+px\)|min\(\d+%, *\d+px\)", "", css)
    widths = re.findall(r"(?<![\w-])(?:min-)?width: *(\d+)px|minmax\((\d+)px", fixed)
    assert widths
    assert all(int(a or b) <= 350 for a, b in widths)
    assert re.search(r"\.scroll \{[^}]*overflow-x: auto", css)
    assert len(re.findall("<table", html)) == len(re.findall(r'<div class="scroll">\s*<table', html))
