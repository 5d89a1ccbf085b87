import shlex
import shutil
from pathlib import Path

import pytest

from kittidet.config_file import load_run_config
from kittidet.presets import DEFAULT_PRESET, preset
from kittidet.report.facts import config_text, data_facts, describe_leakage, describe_run, reproduce_commands
from kittidet.runs.run import Run


@pytest.mark.parametrize(
    ("leakage", "fine", "words"),
    [
        (None, False, "unknown"),
        ({"shared_val_frames": 0, "share": 0.0}, True, "None of the 40"),
        ({"shared_val_frames": 10, "share": 0.25}, False, "10 of 40"),
    ],
)
def test_the_leakage_audit_is_a_sentence(leakage, fine, words):
    told = describe_leakage({"leakage": leakage, "n_val": 40})
    assert told["fine"] is fine
    assert words in f"{told['title']} {told['text']}"


def test_what_was_trained_on_what_is_said(finished_run):
    run = Run.open(finished_run)
    assert describe_run(run).startswith("EfficientDet-D0, input size 1280 x 384, 8 classes.")
    facts = dict(data_facts(run))
    assert facts["source"] == "synthetic scenes"
    assert "36 train, 9 validation" in facts["frames"]
    assert facts["anchor coverage"].startswith("93.0%")
    assert '"variant": "d0"' in config_text(run)


def test_the_commands_to_reproduce_a_run_load_its_own_configuration(finished_run, monkeypatch):
    run = Run.open(finished_run)
    monkeypatch.chdir(finished_run.parent.parent)
    first, second = reproduce_commands(run).splitlines()
    folder = f"{finished_run.parent.name}/street"
    assert shlex.split(first, comments=True) == ["kittidet", "run", "--config", f"{folder}/config.json"]
    assert shlex.split(second) == ["kittidet", "report", folder]
    assert load_run_config(preset(DEFAULT_PRESET), Path(f"{folder}/config.json")) == run.config


def test_a_runs_folder_of_another_name_is_in_the_commands(finished_run, tmp_path):
    copy = shutil.copytree(finished_run, tmp_path / "my runs" / "street")
    assert "--config 'my runs/street'/config.json" in reproduce_commands(Run.open(copy))
