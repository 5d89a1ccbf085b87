from pathlib import Path

import typer
from typer.testing import CliRunner

from kittidet.cli.export import export
from kittidet.export import write
from kittidet.export.agreement import Agreement
from kittidet.export.held_out import ApKept
from kittidet.export.model_card import ExportedFile


def test_the_options_reach_the_export_and_its_result_is_told(tmp_path, monkeypatch):
    asked = {}

    def fake(source, out_dir, *, config, evaluation, images, records):
        asked.update(source=source, out=out_dir, formats=config.formats, score=evaluation.score_threshold)
        asked["images"], asked["train"], asked["val"] = images, records.train, records.val
        kept = ExportedFile("m.tflite", "x", 1.2, None, ApKept(30, 0.215, 0.2148, 0.18, 60))
        return write.Export(out_dir, (ExportedFile("saved_model", "x", 3.2, Agreement(1, 5, 0.001, 0.99)), kept))

    monkeypatch.setattr(write, "export_detector", fake)
    app = typer.Typer()
    app.command()(export)
    call = ["runs/demo", "--to", "onnx", "--to", "onnx", "--score", "0.2", "--image", "a.png", "--picture", "b.png"]
    call += ["--train-records", "t"]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 0, done.output
    assert asked == {
        "source": Path("runs/demo"),
        "out": Path("runs/demo/export"),
        "formats": ("onnx",),
        "score": 0.2,
        "images": [Path("a.png"), Path("b.png")],
        "train": Path("t"),
        "val": None,
    }
    assert "--picture" not in CliRunner().invoke(app, ["--help"]).output
    assert "5 boxes as the source's" in done.output
    assert "AP 0.2148 of 0.2150 on 30 held-out frames (scores within 0.1800)" in done.output
    assert "README.md" in done.output
