import typer
from typer.testing import CliRunner

from kittidet.cli.fit import fit
from kittidet.errors import ExportError
from kittidet.export import budget
from kittidet.export.latency import Timing


def run(tmp_path, *args):
    app = typer.Typer()
    app.command()(fit)
    settings = [f"store_dir={tmp_path / 'store'}", "source.kind=synthetic", "source.synthetic_frames=6"]
    return CliRunner().invoke(app, [*map(str, args), *settings], env={"COLUMNS": "160"})


def test_what_fits_is_picked_from_measured_points_and_measured_itself(tmp_path, monkeypatch):
    asked = []

    def measure(points, *, runtime, classes, threads, rounds):
        asked.append((list(points), runtime, rounds))
        # A tenth of a microsecond a pixel, whatever the variant.
        return {(name, hw): Timing(0.9e-4 * hw[0] * hw[1], 1e-4 * hw[0] * hw[1]) for name, hw in points}

    monkeypatch.setattr(budget, "measure", measure)
    options = ["--latency-ms", 40, "--on", "onnx", "--variant", "d0", "--rounds", 4, "--width", 512, "--width", 1280]
    result = run(tmp_path, *options, "--width", 1024)
    assert result.exit_code == 0, result.output
    assert asked[0] == ([("d0", (160, 512)), ("d0", (416, 1280))], "onnx", 4)
    assert asked[1][0] == [("d0", (320, 1024))]
    assert "picked d0: predicted 32.8 ms, measured 32.8 ms in the median, 29.5 ms at best" in result.output
    assert "model.variant=d0 'model.input_hw=[320, 1024]'" in result.output


def test_wrong_asks_are_refused_before_anything_is_measured(tmp_path):
    assert run(tmp_path, "--latency-ms", 30, "--variant", "d99").exit_code == 2
    assert run(tmp_path, "--latency-ms", 30, "--width", 512).exit_code == 2
    error = run(tmp_path, "--latency-ms", 30, "--on", "coreml").exception
    assert isinstance(error, ExportError)
