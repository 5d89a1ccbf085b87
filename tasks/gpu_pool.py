"""Training on another machine: a child run in the GPU pool that works on the same store.

The child runs the same tasks under the same keys, so afterwards the parent finds them Cached.
"""

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import prefect.runtime
from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterIdempotencyKey,
    FlowRunFilterParentFlowRunId,
    WorkerFilter,
    WorkerFilterStatus,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Cancelling

from kittidet.config import RunConfig
from kittidet.config_types import StorePlace
from kittidet.errors import TrainingError
from kittidet.steps.evaluate import evaluate_key
from kittidet.steps.outputs import DataOutputs
from kittidet.steps.train import train_key
from kittidet.store import Store
from tasks.absence import outlast, wait_for_server
from tasks.steps import HOUR_S, as_task

log = logging.getLogger(__name__)

DEPLOYMENT = "kitti-train/kitti-train"
POLL_S = 2.0
# Twice what the automation and a worker take to start a crashed run again.
REVIVED_WITHIN_S = 180.0
_UNFINISHED = (StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED)


def has_gpu_worker() -> bool:
    """Whether the training deployment exists and a worker of its pool is online."""
    wait_for_server()
    with get_client(sync_client=True) as client:
        try:
            deployment = client.read_deployment_by_name(DEPLOYMENT)
        except ObjectNotFound:
            return False
        if deployment.work_pool_name is None:
            return False
        online = WorkerFilter(status=WorkerFilterStatus(any_=["ONLINE"]))
        return bool(client.read_workers_for_work_pool(deployment.work_pool_name, worker_filter=online))


def is_trained(store: Store, data: DataOutputs, config: RunConfig) -> bool:
    """Whether the store holds the whole training of a configuration and the scores of each kept checkpoint."""
    trained = store.load(train_key(data, config.model, config.train))
    if trained is None:
        return False
    keys = [
        evaluate_key(trained, checkpoint["name"], data, config.evaluation)
        for checkpoint in trained.summary["checkpoints"]
    ]
    return all(store.load(key) is not None for key in keys)


# Not cached: it runs only if the store lacks what the child makes.
@as_task(
    name="train-on-gpu-pool",
    run_name="train {config.name} on the GPU pool",
    description="A kitti-train run in the GPU pool: training and evaluation, on the same store.",
    timeout_s=8 * 24 * HOUR_S,
    tags=(),
    retries=3,
)
def train_on_gpu_pool(store_dir: StorePlace, config: RunConfig, data: DataOutputs) -> None:
    """Return when a run in the GPU pool has left training and scores in the store.

    A parent that died and came back waits for the child it started before; after a failed child it starts another. A
    crashed child is waited for as long as it takes to be started again. The page of the run that a person started has
    its progress as well (`tasks.artifacts`).

    Raises:
        TrainingError: if the child fails, or succeeds without leaving its output in this store.
    """
    store = Store(store_dir)
    parent = prefect.runtime.flow_run.get_id()
    key = f"{parent}:{train_key(data, config.model, config.train).digest}"
    parameters = {
        "store_dir": str(store.place),
        "config": config.model_dump(mode="json"),
        "data": data.model_dump(mode="json"),
    }
    child = outlast(lambda: _attach_or_start(key, parameters))
    log.info("gpu_pool.waiting child=%s", child.name)
    state = _wait_for(child)
    if not state.is_completed():
        raise TrainingError(
            f"run {child.name!r} in the GPU pool ended as {state.name}: {state.message or 'no message'}. "
            "Its log in Prefect's pages says why; then retry this run."
        )
    if not is_trained(store, data, config):
        raise TrainingError(
            f"run {child.name!r} in the GPU pool completed, but {store.place} does not hold its output. "
            "Both pools must see the same store: mount it at the same path on both machines, or name one by its URL."
        )


def cancel_children(flow: Flow[..., Any], flow_run: FlowRun, state: State) -> None:
    """Cancel the training runs of a cancelled run, which would otherwise keep the GPU busy for nothing."""
    del flow, state
    with get_client(sync_client=True) as client:
        _cancel_below(client, flow_run.id)


def _cancel_below(client: SyncPrefectClient, flow_run_id: UUID) -> None:
    children = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[flow_run_id]))
    for child in client.read_flow_runs(flow_run_filter=children):
        if child.deployment_id is None:
            # A flow that was called: it ended with the process that called it, which its own hook needs.
            _cancel_below(client, child.id)
        if child.state is not None and child.state.type in _UNFINISHED:
            log.info("gpu_pool.cancel child=%s", child.name)
            end = Cancelled if child.deployment_id is None else Cancelling
            client.set_flow_run_state(child.id, end(message="its parent run was cancelled"))


def _attach_or_start(base_key: str, parameters: dict[str, Any]) -> FlowRun:
    """Return the child that works on this already, or a new one; children that ended are not asked again."""
    attempt = 0
    with get_client(sync_client=True) as client:
        while (child := _find_run(client, f"{base_key}:{attempt}")) is not None:
            if child.state is None or not _is_over(child.state):
                return child
            attempt += 1
    started = run_deployment(
        DEPLOYMENT,
        parameters=parameters,
        flow_run_name=f"{prefect.runtime.flow_run.get_name()} training",
        idempotency_key=f"{base_key}:{attempt}",
        timeout=0,
    )
    return cast("FlowRun", started)


def _find_run(client: SyncPrefectClient, idempotency_key: str) -> FlowRun | None:
    wanted = FlowRunFilter(idempotency_key=FlowRunFilterIdempotencyKey(any_=[idempotency_key]))
    found = client.read_flow_runs(flow_run_filter=wanted, limit=1)
    return found[0] if found else None


def _wait_for(child: FlowRun) -> State:
    # Counted here: this machine's clock may be another than the server's, and may be set meanwhile.
    crashed_since: float | None = None
    with get_client(sync_client=True) as client:
        while True:
            state = outlast(lambda: client.read_flow_run(child.id)).state
            if state is not None and state.is_final():
                if not state.is_crashed():
                    return state
                # Started again by an automation (``deployments/automations.py``).
                crashed_since = crashed_since or time.monotonic()
                if time.monotonic() - crashed_since > REVIVED_WITHIN_S:
                    return state
            else:
                crashed_since = None
            time.sleep(POLL_S)


def _is_over(state: State) -> bool:
    """Whether a child that was started before has ended; one that crashed lately may still be started again."""
    if not state.is_crashed():
        return state.is_final()
    return datetime.now(UTC) - state.timestamp > timedelta(seconds=REVIVED_WITHIN_S)
