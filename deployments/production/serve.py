"""`python -m deployments.production.serve server`: one part of the production profile, in the foreground.

For what starts programs and keeps them running: systemd, containers. Each part is checked as `kittidet up --profile
production` checks it, and then becomes Prefect's own process, so that signals and exit codes are Prefect's. The files
beside this one use it.
"""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import typer
from rich.console import Console

from deployments.local.processes import ProcessError
from deployments.local.server import (
    HEALTHY_WITHIN_S,
    SERVICES,
    is_healthy,
    make_tables,
    server_command,
    server_environment,
)
from deployments.local.workers import worker_command, worker_environment
from deployments.production.checks import check_production
from deployments.production.settings import Production, client_auth, read_production
from deployments.project import DEFAULT_PORT, Project, connected, find_project
from kittidet.errors import KittidetError

app = typer.Typer(add_completion=False, no_args_is_help=True)
Host = Annotated[str, typer.Option("--host", help="Address to listen on.")]
Port = Annotated[int, typer.Option("--port", min=1, max=65535)]
Servers = Annotated[int, typer.Option("--servers", min=1, max=64, help="Processes; more than one need Redis.")]
POLL_S = 1.0


@app.command()
def server(host: Host = "127.0.0.1", port: Port = DEFAULT_PORT, servers: Servers = 1) -> None:
    """Become the server; with several processes start `services` once beside it."""
    project, production = _checked(servers)
    environment = server_environment(project, _api_url(), production, servers)
    if servers > 1:
        make_tables(environment)
    _become(server_command(host, port, servers), environment)


@app.command()
def services() -> None:
    """Become what schedules, watches and removes, where the server has several processes."""
    project, production = _checked(2)
    _wait_for(_api_url())  # it has made the tables
    _become(SERVICES, server_environment(project, _api_url(), production, 2))


@app.command()
def deploy() -> None:
    """Wait for the server, then bring pools, deployments and automations to it."""
    project = _client()
    _wait_for(_api_url())
    with connected(project, _api_url()):
        # Prefect is imported from here on, with the project's settings.
        from deployments.automations import ensure_automations  # noqa: PLC0415
        from deployments.deploy import deploy_all  # noqa: PLC0415

        ensure_automations(deploy_all(project, schedule=None).ids.values())


@app.command()
def worker(pool: str) -> None:
    """Become a worker of a pool, kitti-cpu or kitti-gpu."""
    project = _client()
    _wait_for(_api_url())
    _become(worker_command(pool), worker_environment(project, _api_url()))


def _checked(servers: int) -> tuple[Project, Production]:
    production = read_production(os.environ)
    for line in check_production(production, servers=servers):
        Console(stderr=True).print(line, highlight=False)
    return replace(find_project(), password=production.auth), production


def _client() -> Project:
    return replace(find_project(), password=client_auth(os.environ))


def _api_url() -> str:
    return os.environ.get("PREFECT_API_URL") or f"http://127.0.0.1:{DEFAULT_PORT}/api"


def _wait_for(api_url: str) -> None:
    deadline = time.monotonic() + HEALTHY_WITHIN_S
    while not is_healthy(api_url):
        if time.monotonic() > deadline:
            raise ProcessError(f"no server responds at {api_url} (PREFECT_API_URL) after {HEALTHY_WITHIN_S:.0f} s.")
        time.sleep(POLL_S)


def _become(command: Sequence[str], environment: Mapping[str, str | None]) -> None:
    given = {name: value for name, value in {**os.environ, **environment}.items() if value is not None}
    os.execvpe(command[0], list(command), given)  # noqa: S606  no shell is wanted


def main(arguments: Sequence[str]) -> int:
    """Return the exit code after a part that ends; one that goes on does not return."""
    try:
        app(list(arguments), standalone_mode=False)
    except typer.Exit as ended:
        return ended.exit_code
    except (KittidetError, typer.BadParameter) as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(str(error), markup=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
