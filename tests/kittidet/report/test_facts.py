import shlex
import shutil
from pathlib import Path

import pytest

from kittidet.config_file import load_run_config
from kittidet.presets import DEFAULT_PRESET, preset
from kittidet.report.facts import config_text, data_facts, describe_run, reproduce_commands, training_facts
from kittidet.runs.run import Run


def test_what_was_trained_on_what_is_said(finished_run):
    run = Run.open(finished_run)
    assert describe_run(run).startswith("EfficientDet-D0, input size 1280 x 384, 8 classes.")
    facts = dict(data_facts(run))
    assert facts["source"] == "synthetic scenes"
    assert "36 train, 9 validation" in facts["frames"]
    assert facts["anchor coverage"].startswith("93.0%")
    assert '"variant": "d0"' in config_text(run)


def test_how_it_was_trained_is_said(finished_run):
    run = Run.open(finished_run)
    facts = dict(training_facts(run))
    # 20 epochs of 36 frames, 3.2 s each.
    assert facts["training time"] == "1 min 4 s"
    assert facts["speed"] == "11.2 images/s"
    assert facts["batch"] == "16 images"
    assert facts["learning rate"] == "0.02 at the peak (0.08 at batch 64)"
    assert not {"date", "commit"} & set(facts), "this run did not note them"
    run.summary.update(published="2026-01-02T03:04:05+00:00", environment={"commit": "abc123-dirty"})
    facts = dict(training_facts(run))
    assert facts["date"] == "2026-01-02 03:04:05 UTC"
    assert facts["commit"] == "abc123-dirty"


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.0, "59 s"), (61, "1 min 1 s"), (3600, "1 h 0 min")])
def test_the_training_time_is_in_words(finished_run, seconds, text):
    run = Run.open(finished_run)
    run.history = {"seconds": [seconds, float("nan")]}
    assert dict(training_facts(run)).get("training time") == text


def test_a_history_without_times_leaves_them_out(finished_run):
    run = Run.open(finished_run)
    run.history = {}
    assert not {"training time", "speed"} & set(dict(training_facts(run)))


def test_the_commands_to_reproduce_a_run_load_its_own_configuration(finished_run, monkeypatch):
    run = Run.open(finished_run)
    there, again, page, verified = (shlex.split(line, comments=True) for line in reproduce_commands(run).splitlines())
    monkeypatch.chdir(finished_run)
    assert there[0] == "cd"
    assert again == ["kittidet", "run", "--config", "config.json"]
    assert page == ["kittidet", "report", "."]
    assert verified == ["kittidet", "verify", "."]
    assert load_run_config(preset(DEFAULT_PRESET), Path(again[-1])) == run.config


def test_the_commands_are_the_same_wherever_the_run_lies(finished_run, tmp_path):
    copy = shutil.copytree(finished_run, tmp_path / "my runs" / "street")
    assert reproduce_commands(Run.open(copy)) == reproduce_commands(Run.open(finished_run))
