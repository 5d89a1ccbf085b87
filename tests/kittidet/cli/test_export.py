from pathlib import Path

import typer
from typer.testing import CliRunner

from kittidet.cli.export import export
from kittidet.export import write
from kittidet.export.agreement import Agreement
from kittidet.export.model_card import ExportedFile


def test_the_options_reach_the_export_and_its_result_is_told(tmp_path, monkeypatch):
    asked = {}

    def fake(source, out_dir, *, config, evaluation, images):
        asked.update(source=source, out=out_dir, formats=config.formats, score=evaluation.score_threshold)
        asked["images"] = images
        return write.Export(out_dir, (ExportedFile("saved_model", "x", 3.2, Agreement(1, 5, 0.001, 0.99)),))

    monkeypatch.setattr(write, "export_detector", fake)
    app = typer.Typer()
    app.command()(export)
    call = ["runs/demo", "--to", "onnx", "--to", "onnx", "--score", "0.2", "--image", "a.png", "--picture", "b.png"]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 0, done.output
    assert asked == {
        "source": Path("runs/demo"),
        "out": Path("runs/demo/export"),
        "formats": ("onnx",),
        "score": 0.2,
        "images": [Path("a.png"), Path("b.png")],
    }
    assert "--picture" not in CliRunner().invoke(app, ["--help"]).output
    assert "5 boxes as the source's" in done.output
    assert "README.md" in done.output
