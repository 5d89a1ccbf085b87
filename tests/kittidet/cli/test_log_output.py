"""kittidet.cli.log_output: sentences and warnings on the terminal, everything in the file."""

import logging
import os
import subprocess
import sys
from functools import partial

import pytest

from kittidet.cli.log_output import TerminalHandler, keep_traceback, log_to_file, log_to_terminal
from kittidet.errors import StoreError
from kittidet.progress import in_words

log = logging.getLogger("kittidet.some.room")

PROGRAM = """
import logging, os, pathlib, sys
from kittidet.cli.log_output import log_to_file, log_to_terminal
from kittidet.progress import in_words
log_to_terminal()
log = logging.getLogger("kittidet.some.room")
with log_to_file(pathlib.Path(sys.argv[1]), "train"):
    os.write(2, b"E0000 cuda_platform.cc failed call to cuInit\\n")
    log.info("fit.epoch epoch=%d", 1, extra=in_words("epoch 1 of 3"))
    print("from Python", file=sys.stderr)
os.write(2, b"after\\n")
print("after too", file=sys.stderr)
"""


@pytest.fixture
def terminal():
    """The handler, on the logger of the project alone."""
    logger, handler = logging.getLogger("kittidet"), TerminalHandler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_the_terminal_shows_sentences_and_warnings_but_no_fields(terminal, capsys):
    log.info("fit.epoch epoch=%d loss=%.1f", 1, 0.5, extra=in_words("epoch 1 of 3: loss 0.5"))
    log.info("inventory files=%d", 26)
    log.warning("download.retry bytes=%d [x]", 7)
    lines = [line[9:] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["epoch 1 of 3: loss 0.5", "warning: download.retry bytes=7 [x]"]


def test_the_file_has_every_line_by_its_fields(terminal, tmp_path):
    with log_to_file(tmp_path / "store", "run") as path:
        log.info("fit.epoch epoch=%d", 1, extra=in_words("epoch 1 of 3"))
        log.info("inventory files=%d", 26)
    log.info("not any more")
    assert path.parent == tmp_path / "store" / "logs"
    assert path.name.endswith("-run.log")
    lines = [line.split(" ", 2)[2] for line in path.read_text().splitlines()]
    assert lines == ["INFO kittidet.some.room fit.epoch epoch=1", "INFO kittidet.some.room inventory files=26"]


def test_a_failure_leaves_its_traceback_in_the_file(terminal, tmp_path, capsys):
    with pytest.raises(ValueError, match="no such thing"), log_to_file(tmp_path, "run"):
        raise ValueError("no such thing")
    (path,) = (tmp_path / "logs").iterdir()
    assert "Traceback" in path.read_text()
    assert "no such thing" in path.read_text()
    assert capsys.readouterr().err == ""


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "logs").write_text("a file")
    with pytest.raises(StoreError, match="store_dir"), log_to_file(tmp_path, "run"):
        pass


def test_native_output_goes_to_the_file_alone_and_comes_back(tmp_path):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "NO_COLOR": "1"})
    lines = done.stderr.splitlines()
    assert lines[0].endswith("epoch 1 of 3")
    assert lines[1:] == ["from Python", "after", "after too"]
    (path,) = (tmp_path / "logs").iterdir()
    assert [line.split(" ")[0] for line in path.read_text().splitlines()][:1] == ["E0000"]
    assert "fit.epoch epoch=1" in path.read_text()


@pytest.mark.parametrize(("fails", "shown"), [(False, False), (True, True)])
def test_a_verb_without_a_store_shows_native_output_only_if_it_fails_by_a_defect(fails, shown):
    program = f"""
import os
from kittidet.cli.log_output import without_native_output
@without_native_output
def verb(fails: bool) -> None:
    os.write(2, b"E0000 cuda_platform.cc failed call to cuInit\\n")
    print("found 3")
    if fails:
        raise ValueError("a defect")
verb(fails={fails})
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is not fails
    assert done.stdout == "found 3\n"
    assert ("cuInit" in done.stderr) is shown
    assert ("a defect" in done.stderr) is fails


def test_the_terminal_is_set_up_once():
    root = logging.getLogger()
    before = list(root.handlers)
    log_to_terminal()
    log_to_terminal()
    added = [handler for handler in root.handlers if handler not in before]
    for handler in added:
        root.removeHandler(handler)
    assert [type(handler) for handler in added] == [TerminalHandler]


def test_no_password_or_token_is_written_to_the_terminal_or_a_file(terminal, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    log_warning = partial(log.warning, "download.retry url=%s", "https://me:hunter2@host/a?token=hunter2")
    log_warning()
    with pytest.raises(ValueError, match="hunter2") as error, log_to_file(tmp_path, "run") as path:
        raise ValueError("https://host/a?X-Amz-Signature=hunter2")
    with log_to_file(tmp_path, "again") as other:
        log_warning()
    said = capsys.readouterr().err + path.read_text() + other.read_text()
    assert said.count("https://***@host/a?token=***") == 3
    assert "Signature=***" in said
    assert "hunter2" not in said
    del error.value.__notes__
    assert "hunter2" not in keep_traceback(error.value).read_text()
