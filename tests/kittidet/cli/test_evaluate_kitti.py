"""``kittidet evaluate-kitti`` on files, as a person runs it."""

import json

import pytest
import typer
from typer.testing import CliRunner

from kittidet.cli.evaluate_kitti import evaluate_kitti
from kittidet.errors import EvaluationError

LABEL = "Car 0.00 0 -1.57 10.00 10.00 110.00 90.00 1.50 1.60 3.90 1.00 1.50 20.00 -1.50"
RESULT = "Car -1 -1 -10 10.00 10.00 110.00 90.00 -1 -1 -1 -1000 -1000 -1000 -10 0.9"


@pytest.fixture
def run(tmp_path):
    """Fifty frames with one car each, found in all of them; returns a function that runs the verb."""
    for folder, line in (("labels", LABEL), ("found", RESULT)):
        (tmp_path / folder).mkdir()
        for number in range(50):
            (tmp_path / folder / f"{number:06d}.txt").write_text(line + "\n")
    app = typer.Typer()
    app.command()(evaluate_kitti)

    def invoke(*more):
        folders = ["--labels", str(tmp_path / "labels"), "--detections", str(tmp_path / "found")]
        return CliRunner().invoke(app, [*folders, *map(str, more)], env={"COLUMNS": "200"})

    return invoke


def test_prints_a_table_and_writes_the_json(run, tmp_path):
    result = run("--json", tmp_path / "ap.json")
    assert result.exit_code == 0, result.output
    assert "KITTI 2D AP on 50 frames" in result.output
    assert "no ground truth" in result.output
    scores = json.loads((tmp_path / "ap.json").read_text())
    assert scores["ap"]["Car"] == {"R40": pytest.approx([100] * 3), "R11": pytest.approx([100] * 3)}
    assert len(scores["precision"]["Car"]["easy"]) == 41


def test_a_list_chooses_the_frames_and_few_objects_are_scored_as_the_devkit_does(run, tmp_path):
    (tmp_path / "val.txt").write_text("000003\n000004\n")
    result = run("--json", tmp_path / "ap.json", "--frames", tmp_path / "val.txt")
    assert result.exit_code == 0, result.output
    scores = json.loads((tmp_path / "ap.json").read_text())
    assert scores["n_frames"] == 2
    assert scores["rule"] == "devkit"
    assert scores["ap"]["Car"]["R40"] == pytest.approx([100 / 40] * 3)
    assert scores["ap_order_free"]["Car"]["R40"] == pytest.approx([100] * 3)
    assert "fewer than 41 objects" in result.output
    assert "100.00 (+97.50)" in result.output


def test_the_flag_for_what_is_now_the_default_is_still_taken(run):
    assert run("--devkit-rounding").output == run().output


def test_equal_rules_are_not_shown_twice(run):
    assert "order-free" not in run().output


def test_a_json_file_in_a_missing_folder_is_refused_before_the_work(run, tmp_path):
    result = run("--json", tmp_path / "absent" / "ap.json")
    assert isinstance(result.exception, EvaluationError)
    assert "does not exist" in str(result.exception)


def test_a_frame_without_a_result_file_may_count_as_empty(run, tmp_path):
    (tmp_path / "val.txt").write_text("000003\n000004\n")
    (tmp_path / "found" / "000004.txt").unlink()
    listed = ("--frames", tmp_path / "val.txt")
    assert isinstance(run(*listed).exception, EvaluationError)
    result = run(*listed, "--missing-is-empty")
    assert result.exit_code == 0, result.output
    assert "1 of 2 frames have no detection file: nothing was found in them." in result.output
    refused = run("--missing-is-empty")
    assert refused.exit_code == 2
    assert "needs --frames" in refused.output
