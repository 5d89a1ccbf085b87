"""A Dask cluster for the coarse batches of a step: opened when a step is really done, looked at, and closed with it.

Its workers see the same files at the same paths, which is tried before anything is handed out, and run the same
versions of the steps. Why Dask's own executor: docs/adr/0020-coarse-batches-on-a-cluster.md.
"""

import logging
import platform
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from kittidet.config import ComputeConfig
from kittidet.errors import ConfigError, WorkerError, first_line
from kittidet.machine import usable_cores

log = logging.getLogger(__name__)

HERE = ComputeConfig()
WORKERS_WITHIN_S = 60.0


@contextmanager
def executor_for(
    step: Literal["validate", "records", "evaluate"], compute: ComputeConfig, shared: Sequence[Path]
) -> Iterator[Executor | None]:
    """Yield what does the batches of a step; None where this process does all of it.

    Args:
        step: which.
        compute: who does it.
        shared: what each worker must see at the same path; the step's own folder, whose name is new, shows that it is
            the same disk.

    Raises:
        ConfigError: if Dask is not installed.
        WorkerError: if the cluster cannot be reached, has no workers, or one of them does not fit.
    """
    if compute.runner == "threads" or step not in compute.steps:
        yield None
        return
    if find_spec("distributed") is None:
        raise ConfigError("compute.runner is dask, which is not installed. pip install 'kittidet[dask]'")
    with _connected(compute) as client:
        _check_workers(client, shared, compute)
        # Not pure: otherwise what a batch returned before, under the same arguments, would be returned again.
        yield client.get_executor(pure=False)


@contextmanager
def _connected(compute: ComputeConfig) -> Iterator[Any]:
    from distributed import Client, LocalCluster

    if compute.address is None:
        with (
            LocalCluster(n_workers=usable_cores(), threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = Client(compute.address, timeout=WORKERS_WITHIN_S)
    except (OSError, TimeoutError) as error:
        raise WorkerError(
            f"compute.address: no Dask scheduler responds at {compute.address} ({first_line(error)}). Start one with "
            "`dask scheduler`, or leave out compute.runner=dask."
        ) from error
    with client:
        yield client


def _check_workers(client: Any, shared: Sequence[Path], compute: ComputeConfig) -> None:
    where = compute.address or "this machine's cluster"
    try:
        client.wait_for_workers(1, timeout=WORKERS_WITHIN_S)
        seen = client.run(look, [str(path) for path in shared])
    except TimeoutError as error:
        raise WorkerError(
            f"the Dask scheduler at {where} has no worker. Start one on each machine, in the environment of kittidet: "
            f"`dask worker {where}`."
        ) from error
    except Exception as error:
        raise WorkerError(
            f"a worker of the Dask cluster at {where} cannot do steps: {first_line(error)}. Install the same "
            "version of kittidet where its workers run."
        ) from error
    ours = look([])["code"]
    for facts in seen.values():
        if facts["code"] != ours:
            raise WorkerError(
                f"the Dask worker on {facts['host']} runs other versions of the steps ({facts['code'][:12]}) than this "
                f"process ({ours[:12]}). Install the same version of kittidet there, and start the worker again."
            )
        if facts["missing"]:
            raise WorkerError(
                f"the Dask worker on {facts['host']} does not see {facts['missing'][0]}. Mount store and data at the "
                "same paths on every worker, or leave out compute.runner=dask."
            )
    log.info("cluster.connected scheduler=%s workers=%d", where, len(seen))


def look(paths: Sequence[str]) -> dict[str, Any]:
    """Return, where it is called, the machine's name, the versions of the steps, and which paths are not there."""
    from kittidet.steps.code import code_digest

    return {"host": platform.node(), "code": code_digest(), "missing": [p for p in paths if not Path(p).exists()]}
