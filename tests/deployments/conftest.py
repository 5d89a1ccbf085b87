"""A server with workers of its own, for tests that kill them."""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest


@pytest.fixture
def running_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator:
    """A project whose server, automations and both workers run; stopped at the end whatever is left of them."""
    from fixtures.real_runs import running

    from deployments.project import Project

    monkeypatch.setenv("PREFECT_UI_ENABLED", "false")
    with running(Project(tmp_path), request.config.cache.mkdir("prefect") / f"{version('prefect')}.db") as project:
        yield project
