"""``kittidet compare`` as a person runs it, and as a gate."""

import json

import pytest
import typer
from typer.testing import CliRunner

from kittidet.cli.compare import compare

BOX = [10, 10, 100, 80]


@pytest.fixture
def runs(tmp_path):
    """Two runs on twelve frames: one finds the car in every frame, the other in every third."""
    truth = {
        "images": [{"id": i, "frame_id": f"{i:06d}"} for i in range(12)],
        "annotations": [
            {"id": i + 1, "image_id": i, "category_id": 1, "bbox": BOX, "area": 8000, "iscrowd": 0} for i in range(12)
        ],
        "categories": [{"id": 1, "name": "Car"}, {"id": 2, "name": "Tram"}],
    }
    for name, step in (("poor", 3), ("good", 1)):
        (tmp_path / name).mkdir()
        found = [{"image_id": i, "category_id": 1, "bbox": BOX, "score": 0.9} for i in range(0, 12, step)]
        (tmp_path / name / "ground_truth.json").write_text(json.dumps(truth))
        (tmp_path / name / "predictions.json").write_text(json.dumps(found))
    return tmp_path


def run(*args, columns=200):
    app = typer.Typer()
    app.command()(compare)
    return CliRunner().invoke(app, [str(a) for a in args], env={"COLUMNS": str(columns)})


def test_prints_the_verdict_and_writes_the_json(runs):
    result = run(runs / "poor", runs / "good", "--resamples", 100, "--json", runs / "out.json")
    assert result.exit_code == 0, result.output
    assert "good is better than poor by AP" in result.output
    assert "no ground truth" in result.output
    assert json.loads((runs / "out.json").read_text())["verdict"] == "better"


def test_the_share_of_draws_in_an_interval_can_be_chosen(runs):
    result = run(runs / "poor", runs / "good", "--resamples", 100, "--confidence", 0.9)
    assert "90% intervals of 100 draws" in result.output


@pytest.mark.parametrize(
    ("a", "b", "code", "said"),
    [
        ("poor", "good", 0, "good is better than poor"),
        ("good", "poor", 1, "poor is worse than good"),
        ("good", "good", 1, "not distinguishable"),
    ],
)
def test_the_gate_opens_for_a_better_run_only(runs, a, b, code, said):
    result = run(runs / a, runs / b, "--gate", "--resamples", 100)
    assert result.exit_code == code, result.output
    assert said in result.output


def test_the_table_fits_a_narrow_terminal_whole(runs):
    for name in ("poor", "good"):
        path = runs / name / "ground_truth.json"
        path.write_text(path.read_text().replace('"Car"', '"Person_sitting"'))
    result = run(runs / "good", runs / "good", "--resamples", 100, columns=80)
    rows = [line.split() for line in result.output.splitlines() if "AP" in line.split()]
    assert ["Person_sitting", "AP", "1.000", "1.000", "+0.000", "+0.000", "+0.000", "not", "distinguishable"] in rows


def test_a_json_file_that_cannot_be_written_is_refused_before_the_work(runs):
    assert "does not exist" in str(run(runs / "nowhere", runs / "good", "--json", runs / "no" / "x.json").exception)
