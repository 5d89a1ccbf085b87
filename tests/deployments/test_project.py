"""deployments.project: which folder it is, and that its settings hold for as long as asked."""

import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from deployments.project import (
    DEFAULT_PORT,
    Project,
    connected,
    find_project,
    has_short_names,
    read_api_url,
    write_api_url,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_home(monkeypatch):
    monkeypatch.delenv("KITTIDET_HOME", raising=False)


def test_the_project_is_the_nearest_checkout_upward():
    assert find_project(ROOT / "deployments").root == ROOT
    assert has_short_names(ROOT)


@pytest.mark.parametrize("pyproject", [None, "", "[project", "project = 3", '[project]\nname = "another"'])
def test_the_prefect_toml_of_another_program_is_left_alone(tmp_path, pyproject):
    (tmp_path / "prefect.toml").touch()
    if pyproject is not None:
        (tmp_path / "pyproject.toml").write_text(pyproject)
    (tmp_path / "a").mkdir()
    assert find_project(tmp_path / "a").root == tmp_path / "a"
    assert not has_short_names(tmp_path)


def test_without_one_it_is_where_one_stands(tmp_path):
    assert find_project(tmp_path).root == tmp_path


def test_a_named_home_goes_first(tmp_path, monkeypatch):
    monkeypatch.setenv("KITTIDET_HOME", str(tmp_path / "home"))
    assert find_project(ROOT).root == tmp_path / "home"


def test_the_server_s_address_is_remembered(tmp_path):
    project = Project(tmp_path)
    assert read_api_url(project) is None
    write_api_url(project, "http://127.0.0.1:4207/api")
    assert read_api_url(project) == "http://127.0.0.1:4207/api"


@pytest.mark.parametrize("content", ["", "[]", '{"api_url": 3}', "{}"])
def test_a_broken_address_file_is_no_address(tmp_path, content):
    project = Project(tmp_path)
    project.state_dir.mkdir(parents=True)
    (project.state_dir / "server-address.json").write_text(content)
    assert read_api_url(project) is None


def test_what_is_lent_to_runs_survives_the_server(tmp_path):
    storage = Project(tmp_path).environment("http://127.0.0.1:1/api")["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"]
    assert importlib.import_module(storage).ConcurrencyLeaseStorage()


def test_nothing_is_sent_home(tmp_path):
    environment = Project(tmp_path).environment("http://127.0.0.1:1/api")
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert environment["DO_NOT_TRACK"] == "1"
    assert environment["PREFECT_HOME"] == str(tmp_path / ".prefect")


def test_our_server_tells_its_pages_to_send_and_promote_nothing(prefect_server):
    import httpx

    server = httpx.get(f"{prefect_server}/admin/settings", trust_env=False).json()["server"]
    assert server["analytics_enabled"] is False
    assert server["ui"]["show_promotional_content"] is False
    assert server["ui"]["v2_enabled"] is False


BROWSE = """
import asyncio, httpx, json
from prefect.server.api.server import create_ui_app

async def browse(app):
    headers = {"accept": "text/html"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", headers=headers
    ) as browser:
        settings, page = await browser.get("/ui-settings"), await browser.get("/")
    return {"settings": settings.json(), "status": page.status_code, "page": page.text}

print(json.dumps(asyncio.run(browse(create_ui_app(ephemeral=False)))))
"""


def test_the_pages_a_browser_gets_name_no_analytics_host_and_load_nothing_from_outside(tmp_path):
    environment = {
        **os.environ,
        **Project(tmp_path).environment("http://127.0.0.1:1/api"),
        # Unpacked here, as the installation may be read-only.
        "PREFECT_UI_STATIC_DIRECTORY": str(tmp_path / "pages"),
    }
    # In a process of its own, as the server is, and away from the project's prefect.toml.
    done = subprocess.run(
        [sys.executable, "-c", BROWSE], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["settings"]["default_ui"] == "v1"
    # Not sent on to the other pages.
    assert seen["status"] == 200
    loaded = re.findall(r'(?:src|href)="([^"]+)"', seen["page"])
    assert any(address.endswith(".js") for address in loaded)
    assert all(address.startswith("/") and not address.startswith("//") for address in loaded)
    hosts = re.compile(r"amplitude\.com|segment\.io|sentry\.io|google-analytics\.com")
    named = {
        version: [file.name for file in (tmp_path / "pages" / version).rglob("*.js") if hosts.search(file.read_text())]
        for version in ("v1", "v2")
    }
    assert named["v1"] == []
    # Why V1 is what one gets; once this fails, V2 may be.
    assert named["v2"]


def test_the_settings_hold_inside_and_are_as_before_outside(tmp_path):
    from prefect.settings.context import get_current_settings

    before = dict(os.environ)
    url = "http://127.0.0.1:1/api"
    with connected(Project(tmp_path), url):
        assert os.environ["PREFECT_API_URL"] == url
    assert dict(os.environ) == before
    assert get_current_settings().api.url != url


def test_what_was_logged_is_on_the_server_when_the_connection_ends(prefect_project, prefect_server):
    """The server may be stopped right then, and nothing may try to reach it afterwards."""
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
    from prefect.events.worker import EventsWorker
    from prefect.logging import get_run_logger
    from prefect.logging.handlers import APILogWorker

    @flow
    def speak():
        get_run_logger().info("the last word")

    with connected(prefect_project, prefect_server):
        run = speak(return_state=True).state_details.flow_run_id
    assert [worker for kind in (APILogWorker, EventsWorker) for worker in kind._instances.values()] == []
    with get_client(sync_client=True) as client:
        lines = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run])))
    assert "the last word" in {line.message for line in lines}


def test_prefect_toml_agrees_with_the_code():
    settings = tomllib.loads((ROOT / "prefect.toml").read_text())
    assert settings["plugins"]["enabled"] is True
    assert settings["api"]["url"] == f"http://127.0.0.1:{DEFAULT_PORT}/api"
    assert Path(settings["home"]) == Project(Path()).prefect_home
    assert settings["server"] == {
        "analytics_enabled": False,
        "ui": {"show_promotional_content": False, "v2_enabled": False},
    }
