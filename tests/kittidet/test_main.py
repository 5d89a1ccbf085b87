"""kittidet.__main__: a verb per step, help without TensorFlow, one line per error."""

import shlex
import subprocess
import sys
from importlib.metadata import version

import pytest
import typer
from typer.testing import CliRunner

from kittidet import __main__ as command_line
from kittidet.cli import operations
from kittidet.errors import DatasetContractError

VERBS = [
    "synth",
    "fetch",
    "split",
    "validate",
    "records",
    "inspect",
    "train",
    "evaluate",
    "demo",
    "up",
    "down",
    "doctor",
]


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()


def test_every_step_has_a_verb(runner):
    text = runner.invoke(command_line.app, ["--help"]).output
    assert [verb for verb in VERBS if f" {verb} " not in text] == []


def test_the_version_is_that_of_the_package(runner):
    assert runner.invoke(command_line.app, ["--version"]).output == f"kittidet {version('kittidet')}\n"


def test_every_verb_is_in_a_group(runner):
    text = runner.invoke(command_line.app, ["--help"]).output
    assert [group for group in command_line.GROUPS if f"─ {group} ─" not in text] == []
    assert "─ Commands ─" not in text


@pytest.mark.parametrize("example", [e for verbs in command_line.GROUPS.values() for e in verbs.values()])
def test_each_verb_shows_an_example_in_its_help_that_parses(runner, example):
    _, verb, *arguments = shlex.split(example)
    result = runner.invoke(command_line.app, [verb, "--help"], env={"COLUMNS": "200"})
    assert f"Example: {example}" in result.output
    typer.main.get_command(command_line.app).commands[verb].make_context(verb, arguments)


def test_a_misspelt_verb_gets_a_suggestion(runner):
    result = runner.invoke(command_line.app, ["predikt"])
    assert result.exit_code == 2
    assert "Did you mean 'predict'" in result.output


def test_a_verb_names_its_overrides_in_its_help(runner):
    assert "train.epochs=3" in runner.invoke(command_line.app, ["train", "--help"]).output


def test_wrong_data_ends_in_one_line_and_exit_code_1(monkeypatch, capsys):
    def fail() -> None:
        raise DatasetContractError("label_2/000001.txt:3: expected [old] 15 [/x] fields")

    monkeypatch.setattr(command_line, "app", fail)
    monkeypatch.setattr(command_line, "log_to_terminal", lambda: None)
    with pytest.raises(SystemExit) as stop:
        command_line.main()
    assert stop.value.code == 1
    error = capsys.readouterr().err
    assert error.splitlines() == ["error: DatasetContractError: label_2/000001.txt:3: expected [old] 15 [/x] fields"]


def test_a_wrong_override_is_explained_without_a_traceback():
    done = subprocess.run(
        [sys.executable, "-m", "kittidet", "split", "split.methods=chen"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "split.methods" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_operation_gets_its_own_options(runner, monkeypatch):
    seen = []

    def fake_up(port: int = 4200) -> None:
        seen.append(port)

    monkeypatch.setattr(operations, "load_operation", lambda name: {"up": fake_up}[name])
    assert runner.invoke(command_line.app, ["up", "--port", "4321"]).exit_code == 0
    assert seen == [4321]
    assert "--port" in runner.invoke(command_line.app, ["up", "--help"]).output
