"""Three automations that recover runs whose machine died: no heartbeat or no start means Crashed, Crashed starts again.

They cannot count; ``flows/attempts.py`` limits how often one run may start. A run that waits on the server (Scheduled,
Late, AwaitingRetry) has no process that could die: the next worker takes it.
"""

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from prefect.automations import AutomationCore, ChangeFlowRunState, EventTrigger, Posture
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.utilities.asyncutils import run_coro_as_sync

from deployments.catalog import HEARTBEAT_S

# Heartbeats are lost while the server restarts, over a minute on a busy machine; one that arrives late starts the count
# at the time it was sent.
SILENCE_S = 6 * HEARTBEAT_S
# A worker has taken the run, whose process still has to load; on a busy machine that took two minutes.
BEGUN_WITHIN_S = 600
# A killed run is reported twice: by its runner at once, and by its worker some 20 s later. A run restarted in between
# would be declared dead by the second report and started again alongside itself.
SETTLED_S = 60

# States in which no process is needed: the run ended, or it waits on the server for a worker.
_AT_REST = ("Completed", "Failed", "TimedOut", "Cancelled", "Crashed", "Scheduled", "Late", "AwaitingRetry")


def automations(deployment_ids: Collection[UUID]) -> tuple[AutomationCore, ...]:
    """Return the automations, for runs of these deployments only."""
    silent = AutomationCore(
        name="kittidet: a run without heartbeat has crashed",
        description=f"No sign of life for {SILENCE_S} s: its process and its worker are gone.",
        trigger=_absence(
            deployment_ids,
            # A run may be killed before its first heartbeat is sent.
            after=("Running", "heartbeat"),
            expect=("heartbeat", *_AT_REST),
            within_s=SILENCE_S,
        ),
        actions=[_set_crashed(f"No heartbeat for {SILENCE_S} s.")],
    )
    stuck = AutomationCore(
        name="kittidet: a run that does not begin has crashed",
        description=f"A worker took it {BEGUN_WITHIN_S} s ago, and it does not run: worker and process are gone.",
        trigger=_absence(
            deployment_ids,
            # A worker that takes it again starts the time anew.
            after=("Pending",),
            expect=("Running", "heartbeat", *_AT_REST),
            within_s=BEGUN_WITHIN_S,
        ),
        actions=[_set_crashed(f"It did not begin within {BEGUN_WITHIN_S} s.")],
    )
    crashed = AutomationCore(
        name="kittidet: a crashed run starts again",
        description="Finished steps are Cached and training resumes from its checkpoint.",
        trigger=_absence(
            deployment_ids,
            after=("Crashed",),
            expect=("AwaitingRetry", "Scheduled", "Pending", "Running", "Cancelling", "Cancelled"),
            within_s=SETTLED_S,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.SCHEDULED, name="AwaitingRetry", message="Started again after a crash.", force=True
            )
        ],
    )
    return silent, stuck, crashed


def _set_crashed(message: str) -> ChangeFlowRunState:
    return ChangeFlowRunState(state=StateType.CRASHED, name="Crashed", message=message, force=False)


def _absence(
    deployment_ids: Collection[UUID], *, after: Collection[str], expect: Collection[str], within_s: float
) -> EventTrigger:
    """Return the trigger that fires for a run of these deployments if no expected event follows one of ``after``."""
    return EventTrigger(
        match={"prefect.resource.id": "prefect.flow-run.*"},
        match_related=of_deployments(deployment_ids),
        after={f"prefect.flow-run.{event}" for event in after},
        expect={f"prefect.flow-run.{event}" for event in expect},
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=timedelta(seconds=within_s),
    )


def of_deployments(deployment_ids: Collection[UUID]) -> dict[str, str | list[str]]:
    """Return what the related resources of a run of these deployments match.

    By id, not by name: a heartbeat carries only its deployment's id, a change of state carries both.
    """
    ids = [f"prefect.deployment.{i}" for i in sorted(deployment_ids)]
    return {"prefect.resource.role": "deployment", "prefect.resource.id": ids}


def ensure_automations(deployment_ids: Collection[UUID]) -> None:
    """Create or update the automations on the server; one that a person switched off stays off.

    Args:
        deployment_ids: the deployments whose runs are recovered.
    """
    write_automations(automations(deployment_ids))


def write_automations(wanted: Collection[AutomationCore]) -> None:
    """Create or update automations by their names; one that a person switched off stays off."""

    async def ensure() -> None:
        async with get_client() as client:
            for one in wanted:
                known = await client.read_automations_by_name(one.name)
                if not known:
                    await client.create_automation(one)
                for extra in known:
                    await client.update_automation(extra.id, one.model_copy(update={"enabled": extra.enabled}))

    run_coro_as_sync(ensure())
