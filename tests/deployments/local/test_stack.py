"""deployments.local.stack: `up` twice is `up` once, `down` stops just that, and `doctor` is told what runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from deployments.local import stack as local
from deployments.local.processes import Background, ProcessError
from deployments.local.server import Server, server_process, services_process
from deployments.local.stack import alone, check, down, up
from deployments.local.workers import worker_process
from deployments.project import Project, write_api_url

ROOT = Path(__file__).parents[3]
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("KITTIDET_HOME", str(tmp_path))
    project = Project(tmp_path)
    yield project
    down()


@pytest.fixture
def sleepers(project, prefect_server, monkeypatch):
    """Workers that only sleep, and the session's server in place of one more."""
    start = Background.start
    monkeypatch.setattr(
        Background,
        "start",
        lambda self, command, *, environment, cwd: start(self, SLEEP, environment=environment, cwd=cwd),
    )
    server = Server(prefect_server, started=False)
    monkeypatch.setattr(local, "ensure_server", lambda project, **wishes: server)


def test_up_prints_what_to_do_next_and_a_second_up_starts_nothing(sleepers, project, prefect_server, capsys):
    up()
    printed = capsys.readouterr()
    assert f"export PREFECT_API_URL={prefect_server}\n" in printed.out
    assert "prefect deployment run kitti-finetune" in printed.out
    assert "kittidet down" in printed.out
    assert "worker of kitti-gpu: started" in printed.err
    pids = [worker_process(project, pool).pid() for pool in local.POOLS]
    assert all(pids)
    up()
    assert "worker of kitti-gpu: was running" in capsys.readouterr().err
    assert [worker_process(project, pool).pid() for pool in local.POOLS] == pids

    down()
    assert "worker-kitti-gpu: stopped" in capsys.readouterr().out
    assert [worker_process(project, pool).pid() for pool in local.POOLS] == [None, None]
    down()
    assert "worker-kitti-gpu: was not running" in capsys.readouterr().out


def test_the_command_up_names_works_in_the_folder_where_one_stands(sleepers, capsys, tmp_path, monkeypatch):
    """The short name needs the project's prefect.toml in the current folder, and Prefect looks nowhere else."""
    for folder, name in ((ROOT, "kitti-finetune  "), (tmp_path, "kitti-finetune/kitti-finetune  ")):
        monkeypatch.chdir(folder)
        up(workers=False)
        assert f"prefect deployment run {name}" in capsys.readouterr().out


def test_the_address_that_is_told_is_printed_by_its_host_alone_and_handed_to_nobody(
    sleepers, project, capsys, monkeypatch
):
    from deployments.notifications import OFF, ensure_notifications

    monkeypatch.setenv(local.NOTIFY_VARIABLE, "https://hooks.example/s3cret")
    try:
        up(workers=False, notify="https://hooks.example/s3cret")
    finally:
        ensure_notifications({}, OFF)
    printed = capsys.readouterr()
    assert "notifications: to hooks.example\n" in printed.err
    written = [file.read_text() for file in project.state_dir.rglob("*.json")]
    assert "s3cret" not in "".join([printed.out, printed.err, *written])
    assert local.NOTIFY_VARIABLE not in os.environ


def test_down_leaves_what_it_did_not_start(project):
    other = subprocess.Popen(SLEEP, start_new_session=True)
    try:
        server_process(project).folder.mkdir(parents=True)
        server_process(project).pid_path.write_text(f'{{"pid": {other.pid}, "born": "another time"}}')
        down()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_doctor_hears_that_nothing_runs_and_how_to_start_it(project):
    (finding,) = check()
    assert (finding.ok, finding.found) == (None, "not running")
    assert "kittidet up" in finding.advice


def test_doctor_hears_of_a_server_that_does_not_answer(project):
    server_process(project).start(SLEEP, environment={}, cwd=project.root)
    write_api_url(project, "http://127.0.0.1:9/api")
    finding = check()[0]
    assert finding.ok is False
    assert "http://127.0.0.1:9/api" in finding.found
    assert "server.log" in finding.advice


def test_doctor_hears_of_server_and_workers(project, prefect_server):
    for pool in local.POOLS:
        worker_process(project, pool).start(SLEEP, environment={}, cwd=project.root)
    server_process(project).start(SLEEP, environment={}, cwd=project.root)
    write_api_url(project, prefect_server)
    assert [finding.ok for finding in check()] == [True, True, True]


def test_doctor_hears_of_services_that_died(project, prefect_server):
    server_process(project).start(SLEEP, environment={}, cwd=project.root)
    write_api_url(project, prefect_server, "production")
    services_process(project).pid_path.write_text("{}")
    server, services, *_ = check()
    assert "profile production" in server.found
    assert services.ok is False
    assert "stand still" in services.advice


def test_several_processes_are_of_production_alone(project):
    with pytest.raises(ProcessError, match="--profile production"):
        up(servers=2)


def test_two_commands_do_not_run_into_each_other(project, monkeypatch):
    monkeypatch.setattr(local, "LOCKED_WITHIN_S", 0.2)
    with alone(project):
        other = FileLock(project.state_dir / "lock", timeout=0, is_singleton=False)
        with pytest.raises(ProcessError, match="has been running"), alone(project):
            pass
    with other:
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ProcessError, match=r"cannot be created.*KITTIDET_HOME"), alone(Project(tmp_path / "file")):
        pass
