"""Deploys the catalog and its pools to a server; repeating it changes nothing."""

import importlib
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.schedules import Cron, Schedule
from prefect.types.entrypoint import EntrypointType
from prefect.workers.process import ProcessWorker

from deployments.catalog import CATALOG, POOLS, Entry, Pool
from deployments.form import with_defaults
from kittidet.presets import preset

# The name of a deployment's schedule: what a person switched on is found again by it.
SCHEDULE_SLUG = "weekly-retraining"
_ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


def deploy_all(working_dir: Path, *, schedule: bool | None) -> dict[str, UUID]:
    """Return the ids of the deployments by ``FLOW/DEPLOYMENT`` after deploying pools and catalog.

    Args:
        working_dir: the folder on the workers that the runs' relative paths start from.
        schedule: whether the schedules are active; None: leave them as they are, initially inactive.
    """
    with get_client(sync_client=True) as client:
        for pool in POOLS:
            ensure_pool(client, pool)
        return dict(deploy(client, entry, working_dir, schedule=schedule) for entry in CATALOG)


def ensure_pool(client: SyncPrefectClient, pool: Pool) -> None:
    """Create a pool or update its limit; a pool that a person paused stays paused."""
    try:
        client.read_work_pool(pool.name)
    except ObjectNotFound:
        client.create_work_pool(
            WorkPoolCreate(
                name=pool.name,
                type="process",
                description=pool.description,
                concurrency_limit=pool.limit,
                base_job_template=ProcessWorker.get_default_base_job_template(),
            )
        )
    else:
        client.update_work_pool(pool.name, WorkPoolUpdate(description=pool.description, concurrency_limit=pool.limit))


def deploy(client: SyncPrefectClient, entry: Entry, working_dir: Path, *, schedule: bool | None) -> tuple[str, UUID]:
    """Return ``FLOW/DEPLOYMENT`` and its id after deploying one entry."""
    flow = load_flow(entry)
    active = schedule if schedule is not None else _is_scheduled(client, flow, entry)
    deployment = cast(
        "RunnerDeployment",
        flow.to_deployment(
            name=entry.name,
            description=entry.description,
            parameters=dict(entry.parameters),
            tags=list(entry.tags),
            schedules=cast("Any", _schedules(entry, active=active)),
            work_pool_name=entry.pool,
            concurrency_limit=_ONE_AT_A_TIME if entry.one_at_a_time else None,
            entrypoint_type=EntrypointType.MODULE_PATH,
            job_variables={
                "working_dir": str(working_dir),
                # Set explicitly, so that the worker runs the flow in its own environment and installs nothing.
                "command": "python -m prefect.engine",
            },
        ),
    )
    deployment_id = cast("UUID", deployment.apply())
    if "preset" in entry.parameters:
        form = with_defaults(flow.parameters.model_dump(), preset(entry.parameters["preset"]))
        client.update_deployment(deployment_id, DeploymentUpdate(parameter_openapi_schema=form))
    return f"{flow.name}/{entry.name}", deployment_id


def load_flow(entry: Entry) -> Flow[..., Any]:
    """Return the flow an entry names."""
    module, _, name = entry.flow.rpartition(".")
    return cast("Flow[..., Any]", getattr(importlib.import_module(module), name))


def _schedules(entry: Entry, *, active: bool) -> list[Schedule]:
    return [] if entry.cron is None else [Cron(entry.cron, timezone=entry.timezone, active=active, slug=SCHEDULE_SLUG)]


def _is_scheduled(client: SyncPrefectClient, flow: Flow[..., Any], entry: Entry) -> bool:
    """Whether a person has switched the entry's schedule on."""
    try:
        known = client.read_deployment_by_name(f"{flow.name}/{entry.name}")
    except ObjectNotFound:
        return False
    return any(s.active for s in known.schedules if s.slug == SCHEDULE_SLUG)
