"""deployments.short_names: a name without its flow finds the one deployment it can mean; all else is Prefect's."""

import asyncio
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest

from deployments.project import write_api_url
from deployments.short_names import PREFECT_PLUGIN_API_REQUIRES, accept_short_names, setup_environment

ROOT = Path(__file__).parents[2]


class Client:
    """Stands for Prefect's: knows some deployments, and says what the original method was asked."""

    known: tuple = ()
    error: Exception | None = None

    async def read_deployment_by_name(self, name: str):
        return f"original {name}"

    async def read_deployments(self, *, deployment_filter, limit):
        if self.error is not None:
            raise self.error
        return [d for d in self.known if d in deployment_filter.name.any_][:limit]


@pytest.fixture
def client_class():
    class Wrapped(Client):
        pass

    accept_short_names(Wrapped)
    accept_short_names(Wrapped)
    return Wrapped


@pytest.mark.parametrize(
    ("known", "error", "asked", "answer"),
    [
        ((), None, "kitti-finetune", "original kitti-finetune"),
        (("kitti-finetune",), None, "kitti-finetune", "kitti-finetune"),
        (("kitti-finetune",), None, "kitti-finetune/kitti-finetune", "original kitti-finetune/kitti-finetune"),
        (("kitti-finetune", "kitti-finetune"), None, "kitti-finetune", "original kitti-finetune"),
        (("kitti-finetune",), RuntimeError("server is away"), "kitti-finetune", "original kitti-finetune"),
    ],
    ids=["none", "one", "full name", "two of a name", "an error"],
)
def test_only_the_one_deployment_a_name_can_mean_is_a_shortcut(client_class, known, error, asked, answer):
    client_class.known, client_class.error = known, error
    assert asyncio.run(client_class().read_deployment_by_name(asked)) == answer


def test_a_client_that_looks_otherwise_is_left_alone(monkeypatch, tmp_path):
    from prefect.client.orchestration._deployments import client

    monkeypatch.setenv("KITTIDET_HOME", str(tmp_path))
    monkeypatch.setattr(client, "DeploymentAsyncClient", SimpleNamespace())
    said = []
    setup_environment(ctx=SimpleNamespace(logger_factory=lambda name: SimpleNamespace(debug=lambda *a: said.append(a))))
    assert len(said) == 1


def test_the_server_s_address_is_used_unless_one_is_given(monkeypatch, tmp_path, prefect_project, prefect_server):
    monkeypatch.setenv("KITTIDET_HOME", str(prefect_project.root))
    monkeypatch.setenv("PREFECT_API_URL", "http://given/api")
    setup_environment(ctx=None)
    assert os.environ["PREFECT_API_URL"] == "http://given/api"
    monkeypatch.delenv("PREFECT_API_URL")
    setup_environment(ctx=None)
    assert os.environ["PREFECT_API_URL"] == prefect_server


def test_prefect_still_has_the_hook_and_the_method(monkeypatch):
    from prefect.client.orchestration._deployments.client import DeploymentAsyncClient
    from prefect.plugins import HookSpec

    assert asyncio.iscoroutinefunction(DeploymentAsyncClient.read_deployment_by_name)
    assert hasattr(HookSpec, "setup_environment")
    assert PREFECT_PLUGIN_API_REQUIRES


def test_the_command_works_as_typed_in_the_project_s_folder(prefect_server, tmp_path):
    """The whole way: prefect.toml, entry point, plugin, address, Prefect's own command line."""
    from prefect import flow
    from prefect.client.orchestration import get_client

    name = f"typed-{uuid.uuid4().hex[:8]}"

    @flow(name="typed-flow")
    def typed() -> None: ...

    with get_client(sync_client=True) as client:
        client.create_deployment(flow_id=client.create_flow(typed), name=name, entrypoint="a:b")
    shutil.copy(ROOT / "prefect.toml", tmp_path)
    from deployments.project import Project

    write_api_url(Project(tmp_path), prefect_server)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT", "KITTIDET"))}
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "deployment", "run", name],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Creating flow run for deployment 'typed-flow/{name}'" in done.stdout
