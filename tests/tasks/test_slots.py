"""tasks.slots: so many work at a time, the next one waits and says so, and a killed one holds nothing."""

import subprocess
import sys
import threading

import pytest
from prefect.settings import PREFECT_HOME, temporary_settings

from kittidet.errors import ConfigError
from tasks import slots
from tasks.slots import VARIABLE, WORKING_RUNS, slot_count, working


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(slots, "POLL_S", 0.02)
    with temporary_settings({PREFECT_HOME: tmp_path}):
        yield tmp_path


def test_one_more_waits_until_one_of_them_is_done(home, caplog):
    entered = threading.Event()

    def third() -> None:
        with temporary_settings({PREFECT_HOME: home}), working():
            entered.set()

    thread = threading.Thread(target=third)
    with caplog.at_level("INFO"), working():
        with working():
            thread.start()
            assert not entered.wait(0.5)
        assert entered.wait(10)
    thread.join()
    assert [record.getMessage() for record in caplog.records].count(
        f"slots.wait others={WORKING_RUNS} work on this machine; {VARIABLE} allows more"
    ) == 1


def test_an_error_and_kill_9_free_it(home, monkeypatch):
    monkeypatch.setenv(VARIABLE, "1")
    with pytest.raises(ZeroDivisionError), working():
        raise ZeroDivisionError
    code = "import time; from tasks.slots import working\nwith working(): print('in', flush=True); time.sleep(60)"
    other = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        env={**slots.os.environ, "PREFECT_HOME": str(home)},
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"in\n"
    entered = threading.Event()

    def wait() -> None:
        with temporary_settings({PREFECT_HOME: home}), working():
            entered.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert not entered.wait(0.5)
    other.kill()
    other.wait()
    other.stdout.close()
    assert entered.wait(10)
    thread.join()


def test_how_many_is_a_setting_of_the_machine_and_a_wrong_one_is_named(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert slot_count() == WORKING_RUNS
    monkeypatch.setenv(VARIABLE, "3")
    assert slot_count() == 3
    for wrong in ("0", "-1", "two", ""):
        monkeypatch.setenv(VARIABLE, wrong)
        with pytest.raises(ConfigError, match=VARIABLE):
            slot_count()
