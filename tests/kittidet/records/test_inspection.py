from pathlib import Path

from kittidet.records.inspection import InspectionReport

REPORT = {
    "folder": Path("records"),
    "num_shards": 0,
    "num_frames": 0,
    "num_objects": 0,
    "num_dont_care": 0,
    "num_empty": 0,
    "counts": {},
    "sizes": {},
    "ranges": {},
    "first_boxes": (),
    "has_manifest": False,
    "problems": (),
    "num_problems": 0,
    "notes": (),
}


def test_an_empty_report_says_so_in_two_lines():
    first, last = InspectionReport(**REPORT).to_text().splitlines()
    assert first.startswith("records: 0 shards, 0 frames, 0 objects")
    assert last == "problems: none"


def test_everything_found_is_in_the_text():
    text = InspectionReport(
        **{
            **REPORT,
            "counts": {"Car": 12},
            "sizes": {(1242, 375): 3},
            "ranges": {"image/height": (370, 375)},
            "first_boxes": ("000001 label 1",),
            "problems": ("shard x is damaged",),
            "num_problems": 41,
            "notes": ("look here",),
        }
    ).to_text()
    for expected in ("Car", "12", "1242x375", "370 .. 375", "000001 label 1", "look here", "shard x is damaged"):
        assert expected in text
    assert "problems: 41" in text
    assert "... and 40 more" in text
