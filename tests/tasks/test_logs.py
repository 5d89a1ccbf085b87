"""tasks.logs: INFO lines of the library show, unless someone chose otherwise."""

import logging
import os
import subprocess
import sys

import pytest

from tasks.logs import LOGGERS, show_library_lines


@pytest.fixture(autouse=True)
def levels():
    before = {name: logging.getLogger(name).level for name in LOGGERS}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_a_level_that_nobody_chose_becomes_info():
    logging.getLogger("kittidet").setLevel(logging.NOTSET)
    show_library_lines()
    assert logging.getLogger("kittidet.store").isEnabledFor(logging.INFO)


def test_a_chosen_level_stays():
    logging.getLogger("kittidet").setLevel(logging.ERROR)
    show_library_lines()
    assert logging.getLogger("kittidet").level == logging.ERROR


LINES = """
from pathlib import Path
from rich.console import Console
from tasks.logs import show_library_lines
show_library_lines()
input()
for line in range(3):
    Console(stderr=True).print(f"line {line}")
print("a line of somebody else", flush=True)
Path("went-on").touch()
"""


@pytest.mark.parametrize("of_a_worker", [True, False])
def test_a_run_goes_on_when_its_worker_which_reads_its_lines_is_killed(tmp_path, of_a_worker):
    """A program of a person's own ends as programs do when what it is piped into has ended."""
    run_id = {"PREFECT__FLOW_RUN_ID": "a"} if of_a_worker else {}
    run = subprocess.Popen(
        [sys.executable, "-c", LINES],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **run_id},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    run.stdout.close()
    run.stderr.close()
    run.stdin.write(b"go\n")
    run.stdin.close()
    assert (run.wait() == 0) is of_a_worker
    assert (tmp_path / "went-on").exists() is of_a_worker
