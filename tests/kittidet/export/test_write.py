import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from kittidet.classes import KITTI8
from kittidet.cli.export import export
from kittidet.config import ExportConfig
from kittidet.errors import CheckpointMismatchError, ExportError
from kittidet.export import write
from kittidet.export.write import export_detector


def test_a_saved_model_that_agrees_is_written_with_its_card_and_never_over(
    exported, checkpoint, evaluation, class_names
):
    assert sorted(p.name for p in exported.path.iterdir()) == ["README.md", "class_names.txt", "saved_model"]
    assert exported.files[0].agreement.compared > 0
    card = (exported.path / "README.md").read_text()
    assert "step 1234" in card
    assert f"Finds {', '.join(class_names)} in images like those it was trained on." in card
    assert (exported.path / "class_names.txt").read_text().split() == list(class_names)
    with pytest.raises(ExportError, match="already exists"):
        export_detector(checkpoint, exported.path, config=ExportConfig(), evaluation=evaluation)


def test_an_export_that_finds_something_else_is_not_written(checkpoint, evaluation, tmp_path, monkeypatch):
    wrong = {"boxes_xyxy": np.array([[1, 2, 3, 4]], np.float32), "scores": np.ones(1), "class_ids": np.ones(1)}
    monkeypatch.setattr(write, "open_saved_model", lambda folder: lambda encoded: [wrong] * len(encoded))
    monkeypatch.setattr(write, "write_saved_model", lambda detector, path, **_: path)
    with pytest.raises(ExportError, match="saved_model"):
        export_detector(checkpoint, tmp_path / "out", config=ExportConfig(), evaluation=evaluation)
    assert list(tmp_path.iterdir()) == []


def test_a_runs_scores_come_with_the_kind_of_its_data(finished_run, tmp_path):
    scores = write._run_scores(finished_run)
    assert scores is not None
    assert (scores.source, scores.summary["classes"]) == ("synthetic", list(KITTI8.names))
    assert write._run_scores(tmp_path) is None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow")
def test_a_lite_detector_is_exported_as_tflite_in_both_precisions(checkpoint, evaluation, tmp_path):
    config = ExportConfig(formats=("tflite_float16", "tflite_dynamic"))
    half, byte = export_detector(checkpoint, tmp_path / "out", config=config, evaluation=evaluation).files
    assert half.agreement.max_score_difference < byte.agreement.max_score_difference + 0.03
    assert byte.megabytes < half.megabytes


def test_wrong_asks_are_refused_before_anything_is_loaded(tmp_path):
    app = typer.Typer()
    app.command()(export)
    wrong_format = CliRunner().invoke(app, [str(tmp_path), "--to", "docx"])
    assert wrong_format.exit_code == 2
    assert "'docx' is not one of 'saved_model'" in wrong_format.output
    no_model = CliRunner().invoke(app, [str(tmp_path), "--out", str(tmp_path / "x")]).exception
    assert isinstance(no_model, CheckpointMismatchError)
