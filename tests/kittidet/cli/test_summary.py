"""kittidet.cli.summary: what a run is about to do, and what to do after it."""

import shlex
from pathlib import Path

import pytest
import typer

from kittidet.__main__ import app
from kittidet.cli import summary
from kittidet.cli.summary import describe_run, describe_seconds, print_header, print_next_steps
from kittidet.config_file import load_run_config
from kittidet.presets import preset

SCORES = {
    "ap": 0.226,
    "n_val": 30,
    "best_step": 90,
    "checkpoints": [{"step": 45, "epoch": 3}, {"step": 90, "epoch": 6}],
}


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setattr(summary, "find_accelerators", list)
    monkeypatch.setattr(summary, "usable_cores", lambda: 2)


def test_the_header_says_what_is_done_with_what_and_where(two_cores):
    told = dict(describe_run("run", preset("demo")))
    assert told == {
        "data": "150 synthetic frames",
        "split": "random80",
        "classes": "8: Car, Van, Truck, Pedestrian, Person_sitting, Cyclist, Tram, Misc",
        "network": "EfficientDet-d0 at 512x160 from the bundled starter weights",
        "training": "9 epochs, batch 8, adamw",
        "device": "no GPU, 2 cores",
        "output": "store store, results in runs/demo",
    }


@pytest.mark.parametrize(
    ("overrides", "subject", "words"),
    [
        ([], "data", "12 GB"),
        (["source.kind=folder", "source.path=/data/kitti"], "data", "folder /data/kitti"),
        (["source.kind=coco", "source.annotations=site.json"], "data", "coco site.json"),
        ([], "network", "1280x384 from the published COCO weights"),
        (["train.initial_weights=null"], "network", "random"),
        (["train.initial_weights=runs/a/weights/best"], "network", "from runs/a/weights/best"),
    ],
)
def test_data_and_start_weights_are_named(overrides, subject, words, two_cores):
    assert words in dict(describe_run("run", load_run_config(preset("kitti_d0"), overrides=overrides)))[subject]


def test_a_verb_names_only_what_it_uses(two_cores):
    subjects = {verb: [s for s, _ in describe_run(verb, preset("demo"))] for verb in ("fetch", "split", "train")}
    assert subjects["fetch"] == ["data", "output"]
    assert subjects["split"] == ["data", "split", "classes", "output"]
    assert "network" in subjects["train"]


def test_a_gpu_is_named(monkeypatch):
    monkeypatch.setattr(summary, "find_accelerators", lambda: ["NVIDIA T4"])
    assert dict(describe_run("run", preset("demo")))["device"] == "NVIDIA T4"


def test_the_header_is_on_the_error_stream_and_names_the_log(two_cores, capsys):
    print_header("run", preset("demo"), Path("store/logs/a [b].log"))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "log       store/logs/a [b].log" in captured.err


def test_the_end_names_the_score_and_the_results_as_typed_from_here(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "runs" / "my run"
    print_next_steps(run, SCORES, run / "report" / "index.html", 356)
    text = capsys.readouterr().out
    assert "Done in 5 min 56 s. The best checkpoint is that of epoch 6: AP 0.226 on 30 validation frames." in text
    assert "Results saved to runs/my run\n" in text
    assert "runs/my run/report/index.html" in text
    assert "kittidet predict IMAGES --model 'runs/my run'  #" in text


def test_a_run_with_curves_names_the_command_that_shows_them(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    print_next_steps(tmp_path / "my run", SCORES, tmp_path / "index.html", 1)
    assert "tensorboard" not in capsys.readouterr().out
    (tmp_path / "my run" / "tensorboard").mkdir(parents=True)
    print_next_steps(tmp_path / "my run", SCORES, tmp_path / "index.html", 1)
    assert "  tensorboard --logdir 'my run/tensorboard'  #" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["predict", "report", "export"])
def test_each_next_command_is_one_that_the_program_takes(verb, capsys, tmp_path):
    print_next_steps(tmp_path / "demo", SCORES, tmp_path / "demo" / "index.html", 1)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if f"kittidet {verb} " in line]
    command, _, _ = line.strip().partition("  #")
    _, name, *arguments = shlex.split(command)
    typer.main.get_command(app).commands[name].make_context(name, arguments)


@pytest.mark.parametrize(
    ("seconds", "text"), [(8.2, "8 s"), (356, "5 min 56 s"), (11520, "3 h 12 min"), (59.7, "1 min 0 s")]
)
def test_durations_are_said_as_a_person_says_them(seconds, text):
    assert describe_seconds(seconds) == text
