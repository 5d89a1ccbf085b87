"""The local workers, one background process per pool."""

import platform
import sys

import psutil

from deployments.catalog import HEARTBEAT_S, POOLS, Pool
from deployments.local.processes import Background
from deployments.local.server import is_healthy
from deployments.production.settings import without_server_secrets
from deployments.project import Project


def worker_process(project: Project, pool: Pool) -> Background:
    """Return the project's worker of a pool, running or not."""
    return Background(f"worker-{pool.name}", project.state_dir)


def ensure_workers(project: Project, api_url: str) -> list[tuple[Pool, bool]]:
    """Return each pool and whether its worker was started now.

    A running one is left alone unless it asks for work at an address where no server responds any more.

    Raises:
        ProcessError: if a worker does not start, or does not stop.
    """
    return [(pool, start_worker(project, pool, api_url)) for pool in POOLS]


def start_worker(project: Project, pool: Pool, api_url: str) -> bool:
    """Return whether the worker of a pool was started now; a running one is left alone.

    Raises:
        ProcessError: if it does not start.
    """
    process = worker_process(project, pool)
    pid = process.pid()
    if pid is not None:
        if not _is_lost(pid, api_url):
            return False
        process.stop()
    process.start(worker_command(pool.name), environment=worker_environment(project, api_url), cwd=project.root)
    return True


def worker_command(pool: str) -> list[str]:
    """Return what starts a worker of a pool on this machine."""
    name = f"{pool}-{platform.node()}"
    return [sys.executable, "-m", "prefect", "worker", "start", "--type", "process", "--pool", pool, "--name", name]


def worker_environment(project: Project, api_url: str) -> dict[str, str | None]:
    """Return the variables of a worker: the project's, and none of the secrets that are the server's alone."""
    return {
        **without_server_secrets(),
        **project.environment(api_url),
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
    }


def _is_lost(pid: int, api_url: str) -> bool:
    """Whether a worker's server has moved to another address and the worker does not know."""
    try:
        asks = psutil.Process(pid).environ().get("PREFECT_API_URL")
    except psutil.Error:
        return False
    return asks is not None and asks != api_url and not is_healthy(asks)
