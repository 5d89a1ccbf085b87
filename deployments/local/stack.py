"""`kittidet up` and `kittidet down`: the local server, pools, deployments and workers, started and stopped as one."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from filelock import FileLock, Timeout
from rich.console import Console

from deployments.catalog import POOLS
from deployments.local.processes import Background, ProcessError
from deployments.local.server import LOOPBACK, ensure_server, is_healthy, server_process, services_process
from deployments.local.workers import ensure_workers, worker_process
from deployments.production.checks import check_production
from deployments.production.settings import Profile, read_production
from deployments.project import (
    HOME_VARIABLE,
    Project,
    connected,
    find_project,
    has_short_names,
    read_api_url,
    read_profile,
)
from kittidet.cli.doctor import Finding

Port = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Default: 4200, or the next free one.")]
Host = Annotated[
    str, typer.Option("--host", help="Address to listen on; 0.0.0.0 lets workers on other machines in (see docs).")
]
Workers = Annotated[
    bool, typer.Option("--workers/--no-workers", help="Start one CPU and one GPU worker on this machine.")
]
Schedule = Annotated[
    bool | None,
    typer.Option("--schedule/--no-schedule", help="Weekly re-training on or off; default: unchanged, off at first."),
]
NOTIFY_VARIABLE = "KITTIDET_NOTIFY_URL"
Notify = Annotated[
    str | None,
    typer.Option(
        "--notify",
        metavar="URL|off",
        envvar=NOTIFY_VARIABLE,
        help="Webhook that hears of failed runs, drift, dropped AP and promotions; default: as it was, off at first.",
    ),
]
ProfileName = Annotated[
    Profile, typer.Option("--profile", help="production: on PostgreSQL, with a password, checked first (see docs).")
]
Servers = Annotated[int, typer.Option("--servers", min=1, max=64, help="production: processes that respond.")]
LOCKED_WITHIN_S = 300


def up(
    port: Port = None,
    host: Host = LOOPBACK,
    workers: Workers = True,  # noqa: FBT002  a switch of the command line
    schedule: Schedule = None,
    notify: Notify = None,
    profile: ProfileName = Profile.LOCAL,
    servers: Servers = 1,
) -> None:
    """Start the local Prefect server, pools, deployments and workers; what is already running is left alone."""
    # It may hold a secret: server, workers and runs do not get it.
    os.environ.pop(NOTIFY_VARIABLE, None)
    project = find_project()
    say = Console(stderr=True)
    production = None
    if profile is Profile.PRODUCTION:
        production = read_production(os.environ)
        for line in check_production(production, servers=servers):
            say.print(line, highlight=False)
        project = replace(project, password=production.auth)
    elif servers > 1:
        raise ProcessError("several server processes need PostgreSQL and Redis: add --profile production.")
    with alone(project):
        say.print("Prefect server ...", end=" ")
        server = ensure_server(project, port=port, host=host, production=production, servers=servers)
        say.print("started" if server.started else "was running")
        with connected(project, server.api_url):
            # Prefect is imported from here on, with the project's settings.
            from deployments.automations import ensure_automations  # noqa: PLC0415
            from deployments.deploy import deploy_all  # noqa: PLC0415
            from deployments.notifications import ensure_notifications  # noqa: PLC0415

            deployed = deploy_all(project, schedule=schedule)
            ensure_automations(deployed.ids.values())
            told = ensure_notifications(deployed.ids, notify)
        say.print(f"deployments: {', '.join(deployed.ids)}")
        if told is not None:
            say.print(f"notifications: to {told}", highlight=False)
        for line in deployed.kept:
            say.print(line, highlight=False)
        if workers:
            for pool, started in ensure_workers(project, server.api_url):
                say.print(f"worker of {pool.name}: {'started' if started else 'was running'}")
    out = Console(soft_wrap=True, highlight=False)
    out.print(f"export PREFECT_API_URL={server.api_url}")
    if production is not None:
        out.print("export PREFECT_API_AUTH_STRING=...     (NAME:PASSWORD of the server, which is not shown)")
    out.print(f"UI:    {server.ui_url}")
    out.print(f"Next:  {_next_command(Path.cwd())}")
    out.print(f"Logs:  {project.state_dir}")
    out.print("Stop:  kittidet down")


def _next_command(folder: Path) -> str:
    """Return how to start a run from a folder: by the short name only where Prefect reads our settings."""
    if has_short_names(folder):
        return "prefect deployment run kitti-finetune     (needs no export in this folder)"
    return "prefect deployment run kitti-finetune/kitti-finetune     (after the export above)"


def down() -> None:
    """Stop what `up` or `demo` started in this project, and nothing else; `prefect flow-run retry ID` resumes a run."""
    project = find_project()
    out = Console(soft_wrap=True, highlight=False)
    with alone(project):
        # Workers first, so that their runs can still report to the server that they are ending.
        workers = [worker_process(project, pool) for pool in POOLS]
        services = services_process(project)
        for process in (*workers, *([services] if services.pid() is not None else []), server_process(project)):
            out.print(f"{process.name}: {'stopped' if process.stop() else 'was not running'}")


def check() -> list[Finding]:
    """Return for `kittidet doctor` which of this project's server and workers are running."""
    project = find_project()
    url = read_api_url(project)
    process = server_process(project)
    if process.pid() is None or url is None:
        return [Finding("Prefect server", None, "not running", "Start it with `kittidet up`.")]
    healthy = is_healthy(url)
    advice = "" if healthy else f"See {process.log_path}; then `kittidet down` and `kittidet up`."
    at = f"{url}, profile {read_profile(project)}"
    found = [Finding("Prefect server", healthy, at if healthy else f"does not respond at {url}", advice)]
    if services_process(project).pid_path.exists():
        running = services_process(project).pid() is not None
        advice = "" if running else "Schedules and automations stand still: `kittidet down` and `kittidet up`."
        found.append(Finding("Prefect services", running, "running" if running else "not running", advice))
    return found + [_check_worker(worker_process(project, pool)) for pool in POOLS]


def _check_worker(process: Background) -> Finding:
    pid = process.pid()
    if pid is None:
        return Finding(process.name, None, f"not running on {platform.node()}", "Start it with `kittidet up`.")
    return Finding(process.name, ok=True, found=f"running as process {pid}")


@contextmanager
def alone(project: Project) -> Iterator[None]:
    """Keep two of these commands from starting or stopping the same things at once.

    Raises:
        ProcessError: if the project's folder cannot be written, or another command holds it for minutes.
    """
    try:
        project.state_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProcessError(
            f"{project.state_dir}: cannot be created: {error.strerror}. Set {HOME_VARIABLE} to a writable folder."
        ) from error
    lock = FileLock(project.state_dir / "lock", timeout=LOCKED_WITHIN_S)
    try:
        held = lock.acquire()
    except Timeout as error:
        raise ProcessError(
            f"{lock.lock_file}: another `kittidet up`, `down` or `demo` has been running for {LOCKED_WITHIN_S} s."
        ) from error
    with held:
        yield
