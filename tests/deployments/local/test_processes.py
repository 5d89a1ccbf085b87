"""deployments.local.processes: found again, stopped with their children, and never mistaken for another."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from deployments.local.processes import Background, ProcessError, birth_of

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def process(tmp_path):
    background = Background("sleeper", tmp_path / "state")
    yield background
    background.stop()


def start(process: Background, command: list[str] = SLEEP) -> int:
    return process.start(command, environment={}, cwd=process.folder.parent)


def wait_for(condition) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_a_variable_that_is_none_is_taken_away(process, monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET_OF_ANOTHER", "word")
    code = "import os, sys; open(sys.argv[1], 'w').write(str(os.environ.get('SECRET_OF_ANOTHER')))"
    process.start([sys.executable, "-c", code, "said"], environment={"SECRET_OF_ANOTHER": None}, cwd=tmp_path)
    assert wait_for(lambda: (tmp_path / "said").is_file() and (tmp_path / "said").read_text() == "None")


def test_nothing_runs_before_it_is_started(process):
    assert process.pid() is None
    assert process.stop() is False
    assert process.log_tail() == ""


def test_it_is_found_by_name_and_stopped(process):
    pid = start(process)
    assert Background(process.name, process.folder).pid() == pid
    assert process.stop() is True
    assert birth_of(pid) is None
    assert not process.pid_path.exists()


def test_its_children_are_stopped_too(process):
    code = f"import subprocess, time; p = subprocess.Popen({SLEEP!r}); print(p.pid, flush=True); time.sleep(60)"
    start(process, [sys.executable, "-c", code])
    assert wait_for(lambda: process.log_tail().strip())
    child = int(process.log_tail())
    assert birth_of(child) is not None
    process.stop()
    assert wait_for(lambda: birth_of(child) is None)


def test_one_that_ignores_the_polite_signal_is_killed(process, monkeypatch):
    monkeypatch.setattr("deployments.local.processes.TERM_GRACE_S", 0.3)
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    )
    pid = start(process, [sys.executable, "-c", code])
    assert wait_for(lambda: "ready" in process.log_tail())
    assert process.stop() is True
    assert birth_of(pid) is None


def test_a_stale_file_never_stops_the_process_that_got_its_number(process):
    stranger = subprocess.Popen(SLEEP, start_new_session=True)
    try:
        process.folder.mkdir()
        process.pid_path.write_text(json.dumps({"pid": stranger.pid, "born": "long ago"}))
        assert process.pid() is None
        assert process.stop() is False
        assert stranger.poll() is None
        assert not process.pid_path.exists()
    finally:
        os.killpg(stranger.pid, signal.SIGKILL)
        stranger.wait()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"pid": "x", "born": 1}', "null"])
def test_a_broken_file_means_that_nothing_runs(process, content):
    process.folder.mkdir()
    process.pid_path.write_text(content)
    assert process.pid() is None
    assert process.stop() is False


def test_one_that_died_by_itself_is_not_running_and_its_last_words_stay(process):
    start(process, [sys.executable, "-c", "import time; print('no memory', flush=True); time.sleep(0.2)"])
    assert wait_for(lambda: process.pid() is None)
    assert process.log_tail() == "no memory"
    assert start(process) == process.pid()


def test_a_command_that_does_not_exist_is_named(process):
    with pytest.raises(ProcessError, match=r"sleeper: cannot run /no/such/program"):
        start(process, ["/no/such/program"])


def test_a_process_keeps_its_birth_and_others_have_another():
    assert birth_of(os.getpid()) == birth_of(os.getpid())
    assert birth_of(os.getpid()) != birth_of(1)
    assert birth_of(2**22 + 1) is None
