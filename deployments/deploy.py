"""Deploys the catalog and its pools to a server; repeating it changes what the catalog changed and no person did."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.types.entrypoint import EntrypointType
from prefect.workers.process import ProcessWorker

from deployments.catalog import CATALOG, POOLS, Entry, Pool
from deployments.changes import Memory
from deployments.form import with_defaults
from deployments.project import Project
from deployments.schedules import settle_schedules, wanted_schedules
from kittidet.presets import preset

_PARAMETER, _JOB_VARIABLE = "parameter ", "job variable "
_WORKING_DIR = f"{_JOB_VARIABLE}working_dir"
_ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
_LIMIT, _COLLISION = "concurrency limit", "collision strategy"


@dataclass(frozen=True, slots=True)
class Deployed:
    """The catalog on a server.

    Attributes:
        ids: of the deployments, by ``FLOW/DEPLOYMENT``.
        kept: what a person changed and `up` left alone, a line each.
    """

    ids: dict[str, UUID]
    kept: tuple[str, ...]


def deploy_all(project: Project, *, schedule: bool | None) -> Deployed:
    """Return what is on the server after deploying pools and catalog.

    Args:
        project: whose runs start in its folder, and which remembers what was written.
        schedule: whether the schedules are active; None: leave them as they are, initially inactive.
    """
    remembered = project.state_dir / "deployed.json"
    memory = Memory.read(remembered)
    with get_client(sync_client=True) as client:
        for pool in POOLS:
            ensure_pool(client, pool, memory)
        ids = dict(deploy(client, entry, project.root, memory, schedule=schedule) for entry in CATALOG)
        for left in sorted({UUID(key.partition("/")[0]) for key in memory.last if "/" in key} - set(ids.values())):
            _clear(client, left, memory)
    project.state_dir.mkdir(parents=True, exist_ok=True)
    memory.write(remembered)
    return Deployed(ids, tuple(memory.kept))


def ensure_pool(client: SyncPrefectClient, pool: Pool, memory: Memory) -> None:
    """Create a pool or bring it up to date; a pool that a person paused stays paused."""
    wants = {"limit": pool.limit, "description": pool.description}
    try:
        known = client.read_work_pool(pool.name)
    except ObjectNotFound:
        created = client.create_work_pool(
            WorkPoolCreate(
                name=pool.name,
                type="process",
                description=pool.description,
                concurrency_limit=pool.limit,
                base_job_template=ProcessWorker.get_default_base_job_template(),
            )
        )
        memory.wrote(str(created.id), wants)
        return
    has = {"limit": known.concurrency_limit, "description": known.description}
    writes = memory.settle(str(known.id), pool.name, has=has, wants=wants)
    if writes:
        changed = {"concurrency_limit" if name == "limit" else name: value for name, value in writes.items()}
        client.update_work_pool(pool.name, WorkPoolUpdate(**changed))


def deploy(
    client: SyncPrefectClient, entry: Entry, working_dir: Path, memory: Memory, *, schedule: bool | None
) -> tuple[str, UUID]:
    """Return ``FLOW/DEPLOYMENT`` and its id after deploying one entry.

    Args:
        client: of the server.
        entry: what is deployed.
        working_dir: the folder on the workers that the runs' relative paths start from.
        memory: what was written last.
        schedule: as in `deploy_all`.
    """
    flow = load_flow(entry)
    name = f"{flow.name}/{entry.name}"
    wants = _wanted(entry, working_dir)
    declared = _declared(flow, entry, wants)
    try:
        known = client.read_deployment_by_name(name)
    except ObjectNotFound:
        known = client.read_deployment(cast("UUID", declared.apply()))
    found = _found(known)
    # The folder is this machine's. Where an `up` of another project wrote it, or one that is forgotten, no person did.
    folder = {} if str(known.id) in memory.last else {_WORKING_DIR: wants[_WORKING_DIR]}
    writes = memory.settle(str(known.id), entry.name, has=found | folder, wants=wants)
    moved = {name: value for name, value in folder.items() if found.get(name) != value}
    _update(client, known, writes | moved, declared)
    settle_schedules(client, memory, known, wanted_schedules(entry), active=schedule)
    return name, known.id


def load_flow(entry: Entry) -> Flow[..., Any]:
    """Return the flow an entry names."""
    module, _, name = entry.flow.rpartition(".")
    return cast("Flow[..., Any]", getattr(importlib.import_module(module), name))


def _wanted(entry: Entry, working_dir: Path) -> dict[str, Any]:
    return {
        "description": entry.description,
        "tags": sorted(entry.tags),
        "paused": False,
        "work pool": entry.pool,
        _LIMIT: _ONE_AT_A_TIME.limit if entry.one_at_a_time else None,
        _COLLISION: _ONE_AT_A_TIME.collision_strategy.value if entry.one_at_a_time else None,
        **{_PARAMETER + name: value for name, value in entry.parameters.items()},
        _WORKING_DIR: str(working_dir),
        # Set explicitly, so that the worker runs the flow in its own environment and installs nothing.
        _JOB_VARIABLE + "command": "python -m prefect.engine",
    }


def _found(known: DeploymentResponse) -> dict[str, Any]:
    limit, options = known.global_concurrency_limit, known.concurrency_options
    return {
        "description": known.description,
        "tags": sorted(known.tags),
        "paused": known.paused,
        "work pool": known.work_pool_name,
        _LIMIT: limit.limit if limit is not None else None,
        _COLLISION: ConcurrencyLimitStrategy(options.collision_strategy).value
        if limit is not None and options is not None
        else None,
        **{_PARAMETER + name: value for name, value in known.parameters.items()},
        **{_JOB_VARIABLE + name: value for name, value in known.job_variables.items()},
    }


def _declared(flow: Flow[..., Any], entry: Entry, wants: dict[str, Any]) -> RunnerDeployment:
    """Return the deployment as it is created; its schedules are settled afterwards."""
    declared = cast(
        "RunnerDeployment",
        flow.to_deployment(
            name=entry.name,
            description=entry.description,
            parameters=dict(entry.parameters),
            tags=list(entry.tags),
            work_pool_name=entry.pool,
            concurrency_limit=_ONE_AT_A_TIME if entry.one_at_a_time else None,
            entrypoint_type=EntrypointType.MODULE_PATH,
            job_variables=_below(_JOB_VARIABLE, wants),
        ),
    )
    if "preset" in entry.parameters:
        form = with_defaults(flow.parameters.model_dump(), preset(entry.parameters["preset"]))
        declared._parameter_openapi_schema = type(flow.parameters)(**form)  # noqa: SLF001  it has no public name
    return declared


def _update(
    client: SyncPrefectClient, known: DeploymentResponse, writes: dict[str, Any], declared: RunnerDeployment
) -> None:
    """Write what changed, and nothing if nothing did: an update drops the runs that are scheduled."""
    code = {
        "version": declared.version,
        "entrypoint": declared.entrypoint,
        "parameter_openapi_schema": declared._parameter_openapi_schema.model_dump(exclude_unset=True),  # noqa: SLF001
    }
    changed: dict[str, Any] = {name: value for name, value in code.items() if getattr(known, name) != value}
    changed |= {name: writes[name] for name in ("description", "tags", "paused") if name in writes}
    if "work pool" in writes:
        changed["work_pool_name"] = writes["work pool"]
    if _LIMIT in writes or _COLLISION in writes:
        now = {**_found(known), **writes}
        changed["concurrency_limit"] = now[_LIMIT]
        strategy = now[_COLLISION]
        changed["concurrency_options"] = None if strategy is None else ConcurrencyOptions(collision_strategy=strategy)
    for prefix, attribute in ((_PARAMETER, "parameters"), (_JOB_VARIABLE, "job_variables")):
        values = _below(prefix, writes)
        if values:
            merged = {**getattr(known, attribute), **values}
            changed[attribute] = {name: value for name, value in merged.items() if value is not None}
    if changed:
        client.update_deployment(known.id, DeploymentUpdate(**changed))


def _below(prefix: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in facts.items() if name.startswith(prefix)}


def _clear(client: SyncPrefectClient, deployment_id: UUID, memory: Memory) -> None:
    """Remove the schedules of a deployment that left the catalog; it and its runs stay in the pages."""
    try:
        left = client.read_deployment(deployment_id)
    except ObjectNotFound:
        return
    settle_schedules(client, memory, left, {}, active=None)
