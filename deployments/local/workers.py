"""The local workers, one background process per pool."""

import platform
import sys

from deployments.catalog import HEARTBEAT_S, POOLS, Pool
from deployments.local.processes import Background
from deployments.project import Project


def worker_process(project: Project, pool: Pool) -> Background:
    """Return the project's worker of a pool, running or not."""
    return Background(f"worker-{pool.name}", project.state_dir)


def ensure_workers(project: Project, api_url: str) -> list[tuple[Pool, bool]]:
    """Return each pool and whether its worker was started now; a running one is left alone.

    Raises:
        ProcessError: if a worker does not start.
    """
    return [(pool, start_worker(project, pool, api_url)) for pool in POOLS]


def start_worker(project: Project, pool: Pool, api_url: str) -> bool:
    """Return whether the worker of a pool was started now; a running one is left alone.

    Raises:
        ProcessError: if it does not start.
    """
    process = worker_process(project, pool)
    if process.pid() is not None:
        return False
    command = [
        sys.executable,
        *("-m", "prefect", "worker", "start", "--type", "process"),
        *("--pool", pool.name, "--name", f"{pool.name}-{platform.node()}"),
    ]
    environment = {
        **project.environment(api_url),
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
    }
    process.start(command, environment=environment, cwd=project.root)
    return True
