import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from kittidet.classes import KITTI8
from kittidet.cli.export import export
from kittidet.config import ExportConfig
from kittidet.detect.checkpoint import read_facts
from kittidet.errors import CheckpointMismatchError, ConfigError, ExportError
from kittidet.export import write
from kittidet.export.write import ExportRecords, export_detector


def test_a_saved_model_that_agrees_is_written_with_its_card_and_never_over(
    exported, checkpoint, evaluation, class_names
):
    assert sorted(p.name for p in exported.path.iterdir()) == [
        "README.md",
        "class_names.txt",
        "model.json",
        "saved_model",
    ]
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


@pytest.mark.usefixtures("tiny_models")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow")
def test_8_bits_are_calibrated_on_training_records_and_judged_by_ap_on_held_out_ones(
    tiny_checkpoint, tiny_records, evaluation, tmp_path
):
    records = ExportRecords(*tiny_records)
    config = ExportConfig(formats=("tflite_int8",), calibration_frames=30, max_ap_loss=0.9)
    made = export_detector(tiny_checkpoint, tmp_path / "out", config=config, evaluation=evaluation, records=records)
    (file,) = made.files
    assert file.agreement is None
    assert (file.kept.frames, file.kept.calibrated_on) == (6, 30)
    assert file.kept.source > 0.3
    assert 0 < file.kept.max_score_difference < 1
    card = (made.path / "README.md").read_text()
    assert f"{file.kept.exported:.4f} of {file.kept.source:.4f}" in card
    assert read_facts(made.path, name="model.json") == read_facts(tiny_checkpoint)
    # The same frames for both: none is left to judge by.
    twice = ExportRecords(tiny_records[1], tiny_records[1])
    with pytest.raises(ExportError, match="6 frames, expected 30 or more"):
        export_detector(tiny_checkpoint, tmp_path / "x", config=config, evaluation=evaluation, records=twice)


def test_8_bits_without_records_are_refused_with_the_option_that_names_them(checkpoint, evaluation, tmp_path):
    config = ExportConfig(formats=("tflite_int8",))
    with pytest.raises(ExportError, match=r"tflite_int8 is calibrated on .* --train-records DIR"):
        export_detector(checkpoint, tmp_path / "out", config=config, evaluation=evaluation)
    assert not (tmp_path / "out").exists()


def test_wrong_asks_are_refused_before_anything_is_loaded(tmp_path):
    app = typer.Typer()
    app.command()(export)
    wrong_format = CliRunner().invoke(app, [str(tmp_path), "--to", "docx"])
    assert wrong_format.exit_code == 2
    assert "'docx' is not one of 'saved_model'" in wrong_format.output
    misleading = CliRunner().invoke(app, [str(tmp_path), "--to", "tflite_int16x8"])
    assert misleading.exit_code == 2
    assert "Take tflite_int8" in " ".join(misleading.output.replace("│", " ").split())
    few = CliRunner().invoke(app, [str(tmp_path), "--to", "tflite_int8", "--calibration-frames", "8"]).exception
    assert isinstance(few, ConfigError)
    assert str(few) == "--calibration-frames: Input should be greater than or equal to 30."
    no_model = CliRunner().invoke(app, [str(tmp_path), "--out", str(tmp_path / "x")]).exception
    assert isinstance(no_model, CheckpointMismatchError)
