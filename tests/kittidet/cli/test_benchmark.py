import json
from pathlib import Path

import typer
from typer.testing import CliRunner

from kittidet.cli.benchmark import benchmark
from kittidet.errors import ExportError
from kittidet.export import benchmark as measuring
from kittidet.export.benchmark import Benchmark, Row

ROWS = (Row("Keras", 16.0, 54.0, 60.0, 1.0, 0.215), Row("model_int8.tflite", 5.0, 13.5, 15.0, 4.0, 0.2148))


def run(*args):
    app = typer.Typer()
    app.command()(benchmark)
    return CliRunner().invoke(app, [str(a) for a in args], env={"COLUMNS": "160"})


def test_the_table_and_the_json_hold_every_export_beside_keras(finished_run, tmp_path, monkeypatch):
    asked = {}

    def measure(source, exports, **options):
        asked.update(options, source=source, exports=exports)
        return Benchmark(ROWS, (160, 512), 2, True, 5, 30, "2 processors, load 0.4")

    monkeypatch.setattr(measuring, "run_benchmark", measure)
    result = run(
        finished_run, "--export", tmp_path / "a.tflite", "--rounds", 5, "--threads", 2, "--json", tmp_path / "t.json"
    )
    assert result.exit_code == 0, result.output
    assert asked["exports"] == [Path(tmp_path / "a.tflite")]
    assert (asked["rounds"], asked["threads"], asked["check_frames"]) == (5, 2, 200)
    assert "model_int8.tflite │  5.0 │    13.5 │      15.0 │    4.00 │ 0.215" in result.output
    assert "2 processors, load 0.4" in result.output
    assert json.loads((tmp_path / "t.json").read_text())["rows"][1]["best_ms"] == 13.5


def test_a_run_without_exports_says_how_to_make_some(finished_run):
    error = run(finished_run, "--frames", 0).exception
    assert isinstance(error, ExportError)
    assert "kittidet export" in str(error)
