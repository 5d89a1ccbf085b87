"""The schedules of deployments: what the catalog wants, what the server has, and what of it a person made or changed.

Those of the catalog are known by their slug. One that is switched on keeps its hours, because somebody chose them.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule

from deployments.catalog import Entry
from deployments.changes import Facts, Memory

# What a schedule of the catalog is found by again.
SCHEDULE_SLUG = "weekly-retraining"


def wanted_schedules(entry: Entry) -> dict[str, dict[str, Any]]:
    """Return the hours of an entry's schedules by slug."""
    if entry.cron is None:
        return {}
    return {SCHEDULE_SLUG: {"cron": entry.cron, "timezone": entry.timezone, "parameters": {}}}


def settle_schedules(
    client: SyncPrefectClient,
    memory: Memory,
    deployment: DeploymentResponse,
    wanted: Mapping[str, Mapping[str, Any]],
    *,
    active: bool | None,
) -> None:
    """Bring the schedules of a deployment to what is wanted, but for what a person added, changed or removed.

    Args:
        client: of the server.
        memory: what was written last.
        deployment: as it is on the server.
        wanted: hours by slug.
        active: whether those of the catalog are switched on; None: as they are, new ones off.
    """
    known = {schedule.slug: schedule for schedule in deployment.schedules if schedule.slug is not None}
    prefix = f"{deployment.id}/"
    written = {key.removeprefix(prefix): facts for key, facts in memory.last.items() if key.startswith(prefix)}
    for slug in sorted({*known, *written, *wanted}):
        there, was, wants = known.get(slug), written.get(slug), wanted.get(slug)
        label = f"{deployment.name}, schedule {slug}"
        if there is not None and wants is not None:
            _settle(client, memory, deployment, there, label=label, was=was, wants=wants, active=active)
        elif there is not None:
            _settle_left(client, memory, deployment, there, label=label, was=was)
        elif wants is not None and (was is None or active):
            _create(client, deployment.id, slug, wants, active=bool(active))
            memory.wrote(prefix + slug, {**wants, "active": bool(active)})
        elif wants is not None and was is not None:
            memory.kept.append(f"{label}: was removed in the pages; stays so until `kittidet up --schedule`")
            memory.wrote(prefix + slug, was)
    for schedule in deployment.schedules:
        if schedule.slug is None:
            hours = hours_of(schedule)
            memory.kept.append(
                f"{deployment.name}: schedule {hours['cron']} {hours['timezone']} was added in the pages; kept"
            )


def hours_of(schedule: DeploymentSchedule) -> dict[str, Any]:
    """Return when a schedule runs and with which parameters; one without a cron is described instead."""
    rule = schedule.schedule
    return {
        "cron": rule.cron if isinstance(rule, CronSchedule) else str(rule.model_dump(mode="json", exclude_none=True)),
        "timezone": getattr(rule, "timezone", None),
        "parameters": schedule.parameters,
    }


def _settle(
    client: SyncPrefectClient,
    memory: Memory,
    deployment: DeploymentResponse,
    there: DeploymentSchedule,
    *,
    label: str,
    was: Facts | None,
    wants: Mapping[str, Any],
    active: bool | None,
) -> None:
    key = f"{deployment.id}/{there.slug}"
    hours, hours_written = hours_of(there), {k: v for k, v in (was or {}).items() if k != "active"}
    # Whether `up` switched it on; what a person switched on in the pages is theirs.
    switched = was.get("active", False) if was is not None and active is None else bool(active)
    writes: Mapping[str, Any] = {}
    if hours == wants:
        hours_written = dict(wants)
    elif hours == hours_written and (active is not None or not there.active):
        writes, hours_written = wants, dict(wants)
    else:
        for name in sorted(wants):
            if hours[name] != wants[name]:
                memory.keep(label, name, hours[name], was=hours_written.get(name, hours[name]), wants=wants[name])
    if writes or (active is not None and there.active != active):
        client.update_deployment_schedule(
            deployment.id,
            there.id,
            active=active,
            schedule=_cron(writes) if writes else None,
            parameters=dict(writes["parameters"]) if writes else None,
        )
    memory.wrote(key, {**hours_written, "active": switched})


def _settle_left(
    client: SyncPrefectClient,
    memory: Memory,
    deployment: DeploymentResponse,
    there: DeploymentSchedule,
    *,
    label: str,
    was: Facts | None,
) -> None:
    """Remove a schedule that left the catalog, unless a person changed it or made it."""
    if was is not None and {**hours_of(there), "active": there.active} == was:
        client.delete_deployment_schedule(deployment.id, there.id)
        memory.kept.append(f"{label}: left the catalog; removed")
        return
    if was is not None:
        memory.kept.append(f"{label}: left the catalog, but was changed in the pages; kept")
        memory.wrote(f"{deployment.id}/{there.slug}", was)
    else:
        memory.kept.append(f"{label}: is not in the catalog; kept")


def _create(
    client: SyncPrefectClient, deployment_id: UUID, slug: str, wants: Mapping[str, Any], *, active: bool
) -> None:
    schedule = DeploymentScheduleCreate(
        schedule=_cron(wants), active=active, parameters=dict(wants["parameters"]), slug=slug
    )
    client.create_deployment_schedules(deployment_id, [schedule])


def _cron(wants: Mapping[str, Any]) -> CronSchedule:
    return CronSchedule(cron=wants["cron"], timezone=wants["timezone"])
