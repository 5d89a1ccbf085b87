"""Promises of reports: every finding kept, bad frames named, the share judged."""

import csv

import pytest

from kittidet.errors import DatasetContractError
from kittidet.kitti.validation.findings import (
    FINDINGS,
    Finding,
    build_report,
    check_share,
    read_validation,
    write_validation,
)

COLUMNS = ["frame_id", "file", "line", "check", "severity", "message"]


def finding(frame_id: str, severity="error", line=1) -> Finding:
    file = f"label_2/{frame_id}.txt"
    return Finding(frame_id, file, line, "row_form", severity, f"{file}:{line}: expected, got 'a, b'.")


def test_a_report_on_nothing_has_no_frames_and_all_of_them_bad():
    report = build_report([], frame_ids=[])
    assert list(report.findings.columns) == COLUMNS
    assert (len(report.findings), report.n_frames, report.bad_share) == (0, 0, 1.0)
    with pytest.raises(DatasetContractError, match="0 frames"):
        check_share(report, 1.0)


def test_errors_set_frames_aside_and_warnings_do_not():
    report = build_report([finding("b"), finding("a", "warning")], frame_ids=["c", "b", "a"])
    assert (report.accepted_ids, report.set_aside_ids) == (("a", "c"), ("b",))
    assert report.bad_share == pytest.approx(1 / 3)


def test_findings_are_sorted_by_place_and_each_is_there_once():
    report = build_report(
        [finding("b"), finding("a", line=10), finding("a", line=9), finding("b")], frame_ids=["a", "b"]
    )
    assert list(zip(report.findings["file"], report.findings["line"], strict=True)) == [
        ("label_2/a.txt", 9),
        ("label_2/a.txt", 10),
        ("label_2/b.txt", 1),
    ]


@pytest.mark.parametrize("findings", [[], [finding("000001"), finding("000002", "warning")]])
def test_what_is_written_is_what_was_found(tmp_path, findings):
    report = build_report(findings, frame_ids=["000001", "000002"])
    write_validation(report, tmp_path)
    with (tmp_path / "findings.csv").open(newline="") as stream:
        header, *rows = csv.reader(stream)
    assert header == COLUMNS
    assert rows == [[f.frame_id, f.file, str(f.line), f.check, f.severity, f.message] for f in findings]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["accepted.txt", "findings.csv", "set_aside.txt"]
    read = read_validation(tmp_path)
    assert read.findings.to_dict("list") == report.findings.to_dict("list")
    assert (read.accepted_ids, read.set_aside_ids) == (report.accepted_ids, report.set_aside_ids)


@pytest.mark.parametrize(
    ("bad", "share", "passes"), [(0, 0.0, True), (1, 0.1, True), (1, 0.09, False), (10, 1.0, False)]
)
def test_the_run_stops_above_the_share_and_where_no_frame_is_left(bad, share, passes):
    ids = [f"{k:06d}" for k in range(10)]
    report = build_report([finding(i) for i in ids[:bad]], frame_ids=ids)
    if passes:
        assert check_share(report, share) is report
    else:
        with pytest.raises(DatasetContractError, match=rf"a\.csv: {bad} of 10 frames.*\n  label_2/000000\.txt:1: "):
            check_share(report, share, where="a.csv")


def test_where_no_frame_is_left_nobody_is_told_to_allow_more():
    with pytest.raises(DatasetContractError, match="got none") as caught:
        check_share(build_report([finding("a")], frame_ids=["a"]), 1.0)
    assert "max_bad_share" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\0", None, '"'])
def test_a_file_that_holds_no_findings_is_named(tmp_path, text):
    if text is not None:
        (tmp_path / FINDINGS).write_text(text)
    with pytest.raises(DatasetContractError, match=r"findings\.csv: not the findings of a validation"):
        read_validation(tmp_path)
