"""deployments.local.server: one a project, on a port that is free, and clear words where it is not."""

import socket
import sys

import pytest
from fixtures.web_server import free_port

from deployments.local import server as module
from deployments.local.processes import ProcessError
from deployments.local.server import ensure_server, is_healthy, server_command, server_process
from deployments.production.settings import Production
from deployments.project import Project, write_api_url

HOST = "127.0.0.1"


@pytest.fixture
def listener():
    """A port that some other program listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        other.bind((HOST, 0))
        other.listen()
        yield other.getsockname()[1]


def test_the_running_server_is_found_again(prefect_server, prefect_project):
    assert is_healthy(prefect_server)
    again = ensure_server(prefect_project, port=None, host=HOST)
    assert (again.api_url, again.started) == (prefect_server, False)
    assert again.ui_url == prefect_server.removesuffix("/api")


def test_asking_for_it_on_another_port_is_an_error_that_names_both(prefect_server, prefect_project):
    with pytest.raises(
        ProcessError, match=rf"is already running at {prefect_server}, requested on port 1\b.*kittidet down"
    ):
        ensure_server(prefect_project, port=1, host=HOST)


def test_one_of_another_profile_is_not_taken_for_it(prefect_project, prefect_server):
    production = Production("postgresql+asyncpg://a:b@c/d", "a:b", None, {})
    with pytest.raises(ProcessError, match=r"running in the profile local, requested in production.*--profile"):
        ensure_server(prefect_project, port=None, host=HOST, production=production)


def test_several_processes_leave_the_background_work_to_one():
    assert "--no-services" not in server_command(HOST, 4200, 1)
    assert server_command(HOST, 4200, 2)[-3:] == ["--workers", "2", "--no-services"]


def test_a_wanted_port_that_is_taken_is_an_error(listener, tmp_path):
    with pytest.raises(ProcessError, match=rf"port {listener} is taken"):
        ensure_server(Project(tmp_path), port=listener, host=HOST)
    assert server_process(Project(tmp_path)).pid() is None


def test_without_a_wish_a_taken_port_is_passed_over(listener, monkeypatch):
    monkeypatch.setattr(module, "DEFAULT_PORT", listener)
    monkeypatch.setattr(module, "PORTS_TRIED", 20)
    assert listener < module._choose_port(HOST, None) < listener + 20


def test_it_comes_back_where_its_workers_know_it_if_that_port_is_free(listener):
    free = free_port(HOST)
    assert module._choose_port(HOST, None, before=f"http://{HOST}:{free}/api") == free
    assert module._choose_port(HOST, None, before=f"http://{HOST}:{listener}/api") != listener


def test_when_every_port_is_taken_it_says_so(listener, monkeypatch):
    monkeypatch.setattr(module, "DEFAULT_PORT", listener)
    monkeypatch.setattr(module, "PORTS_TRIED", 1)
    with pytest.raises(ProcessError, match="all taken"):
        module._choose_port(HOST, None)


def test_a_server_that_dies_while_starting_shows_its_last_words(tmp_path, monkeypatch):
    project = Project(tmp_path)
    process = server_process(project)
    code = "print('database is broken', flush=True); import time; time.sleep(0.3)"
    process.start([sys.executable, "-c", code], environment={}, cwd=tmp_path)
    write_api_url(project, f"http://{HOST}:{free_port(HOST)}/api")
    with pytest.raises(ProcessError, match=r"exited before it responded.*\n.*database is broken"):
        ensure_server(project, port=None, host=HOST)


def test_a_server_that_never_answers_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "HEALTHY_WITHIN_S", 0.3)
    project = Project(tmp_path)
    process = server_process(project)
    process.start([sys.executable, "-c", "import time; time.sleep(60)"], environment={}, cwd=tmp_path)
    write_api_url(project, f"http://{HOST}:{free_port(HOST)}/api")
    try:
        with pytest.raises(ProcessError, match="does not respond"):
            ensure_server(project, port=None, host=HOST)
    finally:
        process.stop()


def test_another_program_on_the_port_is_not_a_prefect_server(listener):
    assert not is_healthy(f"http://{HOST}:{free_port(HOST)}/api")


def test_a_server_for_other_machines_wants_a_password(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_SERVER_API_AUTH_STRING", raising=False)
    with pytest.raises(ProcessError, match="PREFECT_SERVER_API_AUTH_STRING=NAME:PASSWORD"):
        ensure_server(Project(tmp_path), port=None, host="0.0.0.0")
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "name:word")
    assert Project(tmp_path).environment("http://a/api")["PREFECT_API_AUTH_STRING"] == "name:word"
