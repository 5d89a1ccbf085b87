"""kittidet.__main__: a verb per step, help without TensorFlow, one line per error."""

import logging
import shlex
import subprocess
import sys
import tempfile
from importlib.metadata import version

import pytest
import typer
from typer.testing import CliRunner

from kittidet import __main__ as command_line
from kittidet.cli import operations
from kittidet.cli.log_output import log_to_file
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


@pytest.fixture
def ended(monkeypatch, capsys, tmp_path):
    """Return a function: what a verb raises, and the options before it -> exit code and error stream."""

    def end(error: Exception, *options: str) -> tuple[int, str]:
        def fail() -> None:
            raise error

        app = typer.Typer(pretty_exceptions_enable=False)
        app.callback()(command_line._program)
        app.command("fail")(fail)
        monkeypatch.setattr(command_line, "app", lambda: app([*options, "fail"]))
        monkeypatch.setattr(command_line, "log_to_terminal", lambda: None)
        monkeypatch.setenv(command_line.DEBUG, "")
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with pytest.raises(SystemExit) as stop:
            command_line.main()
        return stop.value.code, capsys.readouterr().err

    return end


def test_an_unforeseen_error_ends_in_one_line_that_names_the_file_with_its_traceback(ended, tmp_path):
    code, said = ended(ZeroDivisionError("[red]odd\nnumbers[/red]"))
    assert code == 70
    assert said.startswith("error: internal error: ZeroDivisionError: [red]odd numbers[/red]. The traceback is in ")
    assert said.count("\n") == 1
    (kept,) = tmp_path.iterdir()
    assert str(kept) in said
    assert "in fail" in kept.read_text()


def test_an_unforeseen_error_names_the_log_that_already_has_it(ended, tmp_path, caplog):
    caplog.set_level(logging.INFO, "kittidet")
    error = MemoryError()
    with pytest.raises(MemoryError), log_to_file(tmp_path / "store", "run") as path:
        raise error
    code, said = ended(error)
    assert code == 70
    assert f"internal error: MemoryError. The traceback is in {path};" in said
    assert "MemoryError" in path.read_text()
    assert [p.name for p in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize(("error", "code"), [(RecursionError("deep"), 70), (DatasetContractError("wrong"), 1)])
def test_debug_shows_the_whole_traceback_before_the_line(ended, error, code):
    got, said = ended(error, "--debug")
    assert got == code
    assert said.startswith("Traceback")
    assert said.splitlines()[-1].startswith("error: ")


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


def test_a_password_that_was_typed_is_in_no_output_and_no_file(tmp_path):
    address = "source.base_url=https://me:hunter2@127.0.0.1:1/"
    (tmp_path / "run.yaml").write_text("source: {base_url: 'https://me:hunter2@127.0.0.1:1/'}\n")
    for given in (address, "--config=run.yaml"):
        done = subprocess.run(
            [sys.executable, "-m", "kittidet", "--debug", "fetch", given],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 1
        assert "no user or password" in done.stderr
        assert "hunter2" not in done.stdout + done.stderr
    written = [p.read_text() for p in tmp_path.rglob("*") if p.is_file() and p.name != "run.yaml"]
    assert not any("hunter2" in text for text in written)
