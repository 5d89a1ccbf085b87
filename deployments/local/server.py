"""The project's own Prefect server: one per project folder, reused while it is running."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from deployments.local.processes import Background, ProcessError
from deployments.production.settings import Production, Profile
from deployments.project import AUTH_VARIABLE, DEFAULT_PORT, Project, read_api_url, read_profile, write_api_url
from kittidet.masking import masked

LOOPBACK = "127.0.0.1"
# Prefect's command, with what its SQLite needs.
PREFECT = "deployments.local.serve"
SERVICES = (sys.executable, "-m", PREFECT, "server", "services", "start")
# A new database took 14 to 21 s on two cores; a busy machine takes several times that.
HEALTHY_WITHIN_S = 300.0
POLL_S = 0.25
PORTS_TRIED = 50


@dataclass(frozen=True, slots=True)
class Server:
    """A server that responds.

    Attributes:
        api_url: what clients need.
        started: whether this call started it.
    """

    api_url: str
    started: bool

    @property
    def ui_url(self) -> str:
        """The address a person opens in a browser."""
        return self.api_url.removesuffix("/api")


def server_process(project: Project) -> Background:
    """Return the project's server process, running or not."""
    return Background("server", project.state_dir)


def is_healthy(api_url: str) -> bool:
    """Whether a Prefect server responds at an address."""
    try:
        answer = httpx.get(f"{api_url}/health", timeout=3.0, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK and answer.text.strip() == "true"


def services_process(project: Project) -> Background:
    """Return what does the server's background work where several processes respond, running or not."""
    return Background("services", project.state_dir)


def ensure_server(
    project: Project, *, port: int | None, host: str, production: Production | None = None, servers: int = 1
) -> Server:
    """Return the project's server once it responds, starting it if it is not running.

    Args:
        project: whose server.
        port: where to start it; None: where it was last, else 4200, or the next free port. A running server keeps its
            port.
        host: the address it listens on; other than 127.0.0.1 only with ``PREFECT_SERVER_API_AUTH_STRING`` set.
        production: its settings if it runs in that profile, checked before.
        servers: how many processes respond; more than one in production alone.

    Raises:
        ProcessError: if the requested port is taken, the server does not come up, would be open to everyone, or runs in
            another profile.
    """
    profile = Profile.LOCAL if production is None else Profile.PRODUCTION
    if host != LOOPBACK and production is None and not os.environ.get(AUTH_VARIABLE):
        raise ProcessError(
            f"a server on {host} takes orders from anyone who can reach this machine. "
            f"Set {AUTH_VARIABLE}=NAME:PASSWORD first, here and as PREFECT_API_AUTH_STRING where workers run."
        )
    process = server_process(project)
    known = read_api_url(project)
    if process.pid() is not None and known is not None:
        if port is not None and not known.endswith(f":{port}/api"):
            raise ProcessError(
                f"the server of {project.root} is already running at {known}, requested on port {port}. "
                "Stop it with `kittidet down`, or leave out --port."
            )
        if read_profile(project) != profile:
            raise ProcessError(
                f"the server of {project.root} is running in the profile {read_profile(project)}, requested in "
                f"{profile}. Stop it with `kittidet down`, or name its own with --profile."
            )
        _wait_until_healthy(process, known)
        _finish(project, known, production, servers)
        return Server(known, started=False)
    chosen = _choose_port(host, port, before=known)
    api_url = f"http://{LOOPBACK if host == '0.0.0.0' else host}:{chosen}/api"  # noqa: S104  compared, not bound
    project.prefect_home.mkdir(parents=True, exist_ok=True)
    environment = server_environment(project, api_url, production, servers)
    if servers > 1:
        make_tables(environment)
    process.start(server_command(host, chosen, servers), environment=environment, cwd=project.root)
    write_api_url(project, api_url, profile)
    _wait_until_healthy(process, api_url)
    _finish(project, api_url, production, servers)
    return Server(api_url, started=True)


def _finish(project: Project, api_url: str, production: Production | None, servers: int) -> None:
    """Start the background work of several processes, and look whether the server takes the password."""
    services = services_process(project)
    if servers > 1 and services.pid() is None:
        environment = server_environment(project, api_url, production, servers)
        services.start(SERVICES, environment=environment, cwd=project.root)
    if production is not None:
        name, _, word = production.auth.partition(":")
        answer = httpx.get(f"{api_url}/admin/version", auth=(name, word), timeout=30.0, trust_env=False)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise ProcessError(
                f"the server at {api_url} was started with another password. Stop it with `kittidet down`, then start "
                "it again."
            )


def server_environment(
    project: Project, api_url: str, production: Production | None, servers: int
) -> dict[str, str | None]:
    """Return the variables of the server's processes."""
    # Several would make the same tables at once.
    migrate = {"PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false"} if servers > 1 else {}
    return {**project.environment(api_url), **({} if production is None else production.environment()), **migrate}


def make_tables(environment: Mapping[str, str | None]) -> None:
    """Bring the database's tables to this version of Prefect, before several processes use them.

    Raises:
        ProcessError: if that fails.
    """
    command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"]
    given = {name: value for name, value in {**os.environ, **environment}.items() if value is not None}
    done = subprocess.run(command, env=given, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = masked(done.stdout + done.stderr)[-2000:]
        raise ProcessError(f"the database's tables cannot be made:\n{said}")


def server_command(host: str, port: int, servers: int) -> list[str]:
    """Return what starts the server; several processes leave its background work to one of its own."""
    several = ("--workers", str(servers), "--no-services") if servers > 1 else ()
    return [sys.executable, "-m", PREFECT, "server", "start", "--host", host, "--port", str(port), *several]


def _wait_until_healthy(process: Background, api_url: str) -> None:
    deadline = time.monotonic() + HEALTHY_WITHIN_S
    while not is_healthy(api_url):
        if process.pid() is None:
            raise ProcessError(
                f"the Prefect server exited before it responded; {process.log_path}:\n{process.log_tail()}"
            )
        if time.monotonic() > deadline:
            raise ProcessError(
                f"the Prefect server does not respond at {api_url} after {HEALTHY_WITHIN_S:.0f} s. "
                f"Stop it with `kittidet down` and look at {process.log_path}:\n{process.log_tail()}"
            )
        time.sleep(POLL_S)


def _choose_port(host: str, port: int | None, *, before: str | None = None) -> int:
    """Return a free port: the one that is wanted, else that of the address before, which workers and shells know."""
    if port is not None:
        if not _is_free(host, port):
            raise ProcessError(
                f"port {port} is taken by another program. Name another with --port, or leave it out to get a free one."
            )
        return port
    last = httpx.URL(before).port if before is not None else None
    for candidate in (*([] if last is None else [last]), *range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED)):
        if _is_free(host, candidate):
            return candidate
    raise ProcessError(f"ports {DEFAULT_PORT} to {DEFAULT_PORT + PORTS_TRIED - 1} are all taken. Name one with --port.")


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
