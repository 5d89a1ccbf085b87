"""Who is told what by a webhook: a run failed, data drifted, AP dropped, a model was promoted.

The address may hold a secret. It is in a block on the server, which encrypts it, and nowhere else: no parameter, log
line or file of this project has it.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

from prefect.automations import AutomationCore, CallWebhook, EventTrigger, Posture
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from prefect.types import SecretDict
from prefect.utilities.asyncutils import run_coro_as_sync
from pydantic import SecretStr

from deployments.automations import of_deployments, write_automations
from deployments.local.processes import ProcessError
from tasks.gpu_pool import DEPLOYMENT as CHILD

OFF = "off"
BLOCK = "kittidet-notifications"
# Kind -> the event that a task sends (tasks/retraining.py), whose payload has the sentence and the AP.
EVENTS = {
    "drift": "kittidet.data.drift",
    "ap-dropped": "kittidet.model.ap-dropped",
    "promoted": "kittidet.model.promoted",
}
_NAMES = {
    "failed": "kittidet: tell that a run failed",
    "drift": "kittidet: tell that new data drift",
    "ap-dropped": "kittidet: tell that AP dropped",
    "promoted": "kittidet: tell that a model was promoted",
}
_MESSAGE = "(flow_run.state.message or 'no message')|replace('\\n', ' ')|truncate(400)"
_FAILURE = f"('Run ' ~ flow_run.name ~ ' failed: ' ~ {_MESSAGE})"


def notifications(block_id: UUID, deployment_ids: Collection[UUID]) -> tuple[AutomationCore, ...]:
    """Return the automations.

    Args:
        block_id: of the webhook.
        deployment_ids: the deployments whose failed runs are told.
    """
    failed = EventTrigger(
        match={"prefect.resource.id": "prefect.flow-run.*"},
        match_related=of_deployments(deployment_ids),
        expect={"prefect.flow-run.Failed", "prefect.flow-run.TimedOut"},
        for_each={"prefect.resource.id"},
        posture=Posture.Reactive,
        threshold=1,
        within=timedelta(0),
    )
    about_models = {
        kind: EventTrigger(
            match={"prefect.resource.id": "kittidet.model.*"},
            expect={event},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        )
        for kind, event in EVENTS.items()
    }
    return tuple(
        AutomationCore(
            name=_NAMES[kind],
            description="A message to the webhook that `kittidet up --notify` was given.",
            trigger=trigger,
            actions=[CallWebhook(block_document_id=block_id, payload=_body(kind))],
        )
        for kind, trigger in {"failed": failed, **about_models}.items()
    )


def _body(kind: str) -> str:
    """Return the template of a message: one JSON object, whose ``text`` is what chat programs show."""
    is_event = kind in EVENTS
    values = {
        "text": "event.payload.sentence" if is_event else _FAILURE,
        "kind": f"'{kind}'",
        "run": "flow_run.name",
        "ap": "event.payload.ap" if is_event else "none",
        "link": "flow_run|ui_url",
    }
    return "{" + ", ".join(f'"{key}": {{{{ {value}|default(none)|tojson }}}}' for key, value in values.items()) + "}"


def ensure_notifications(deployments: Mapping[str, UUID], address: str | None) -> str | None:
    """Return the host that is told, or None; what a person switched off in the pages stays off.

    Args:
        deployments: ids by ``FLOW/DEPLOYMENT``. Not told of are runs that another run starts, waits for, and starts
            again when they fail.
        address: where messages are posted to; ``off``: nobody is told any more; None: as it is on the server.

    Raises:
        ProcessError: if it is no address; the message does not repeat it.
    """
    host = None if address in {None, OFF} else _host(str(address))

    async def ensure() -> UUID | None:
        async with get_client() as client:
            if address == OFF:
                await _remove(client)
                return None
            if address is not None:
                block = Webhook(url=SecretStr(address), headers=SecretDict({"Content-Type": "application/json"}))
                return UUID(str(await block.save(BLOCK, overwrite=True)))
            try:
                return (await client.read_block_document_by_name(BLOCK, "webhook")).id
            except ObjectNotFound:
                return None

    block_id = run_coro_as_sync(ensure())
    if block_id is None:
        return None
    write_automations(notifications(block_id, [i for name, i in deployments.items() if name != CHILD]))
    return host or "the webhook of before"


async def _remove(client: PrefectClient) -> None:
    for name in _NAMES.values():
        for known in await client.read_automations_by_name(name):
            await client.delete_automation(known.id)
    try:
        block = await client.read_block_document_by_name(BLOCK, "webhook")
    except ObjectNotFound:
        return
    await client.delete_block_document(block.id)


def _host(address: str) -> str:
    try:
        parts = urlsplit(address)
        host = parts.hostname if parts.scheme in {"http", "https"} else None
    except ValueError:
        host = None
    if not host:
        raise ProcessError(
            "--notify: expected an address such as https://hooks.example/..., or `off`. It is not shown here, for it "
            "may hold a secret."
        )
    return host
