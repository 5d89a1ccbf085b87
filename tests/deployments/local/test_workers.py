"""deployments.local.workers: one a pool, and one that runs is left alone unless its server is gone."""

import sys

import pytest

from deployments.catalog import HEARTBEAT_S, POOLS
from deployments.local.processes import Background
from deployments.local.workers import ensure_workers, worker_process
from deployments.project import Project

URL = "http://127.0.0.1:1/api"


@pytest.fixture
def started(monkeypatch) -> dict:
    """Collect what would be started; nothing is."""
    commands: dict = {}

    def start(self, command, *, environment, cwd):
        commands[self.name] = (command, environment, cwd)
        return 1

    monkeypatch.setattr(Background, "start", start)
    return commands


def test_every_pool_gets_one_process_worker_with_heartbeats(started, tmp_path):
    assert ensure_workers(Project(tmp_path), URL) == [(pool, True) for pool in POOLS]
    assert set(started) == {"worker-kitti-cpu", "worker-kitti-gpu"}
    for pool in POOLS:
        command, environment, cwd = started[f"worker-{pool.name}"]
        assert command[command.index("--pool") + 1] == pool.name
        assert command[command.index("--type") + 1] == "process"
        assert environment["PREFECT_API_URL"] == URL
        assert environment["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == str(HEARTBEAT_S)
        assert environment["PREFECT_WORKER_QUERY_SECONDS"] == "2"
        assert cwd == tmp_path


def test_one_that_runs_is_left_alone(started, tmp_path, monkeypatch):
    monkeypatch.setattr(Background, "pid", lambda self: 7 if "cpu" in self.name else None)
    assert [new for _, new in ensure_workers(Project(tmp_path), URL)] == [False, True]
    assert set(started) == {worker_process(Project(tmp_path), POOLS[1]).name}


def test_one_whose_server_is_gone_is_started_again(tmp_path, prefect_server, monkeypatch):
    """Each sleeps in place of a worker, with a worker's environment."""
    start = Background.start
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(
        Background,
        "start",
        lambda self, command, *, environment, cwd: start(self, sleep, environment=environment, cwd=cwd),
    )
    project = Project(tmp_path)
    processes = [worker_process(project, pool) for pool in POOLS]
    try:
        assert [new for _, new in ensure_workers(project, URL)] == [True, True]
        first = [process.pid() for process in processes]
        assert [new for _, new in ensure_workers(project, URL)] == [False, False]
        assert [new for _, new in ensure_workers(project, prefect_server)] == [True, True]
        assert not {process.pid() for process in processes} & {None, *first}
        # It answers where they ask, so another address for it is none of their business.
        assert [new for _, new in ensure_workers(project, URL)] == [False, False]
    finally:
        for process in processes:
            process.stop()
