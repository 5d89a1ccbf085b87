"""deployments.automations: once each, a person's switch is kept, and whoever waits and dies is found."""

import time
from uuid import uuid4

import pytest
from prefect.events import ResourceSpecification
from prefect.utilities.asyncutils import run_coro_as_sync

from deployments import automations as module
from deployments.automations import SILENCE_S, automations, ensure_automations
from deployments.catalog import HEARTBEAT_S
from deployments.local.absence import STARTED_WITHIN_S

IDS = [uuid4(), uuid4()]


async def known() -> list:
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        return [found for a in automations(IDS) for found in await client.read_automations_by_name(a.name)]


async def switch_off(automation) -> None:
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        await client.pause_automation(automation.id)


def test_doing_it_again_adds_nothing_and_keeps_what_was_switched_off(prefect_server):
    ensure_automations(IDS)
    first = run_coro_as_sync(known())
    assert len(first) == 3
    run_coro_as_sync(switch_off(first[1]))
    ensure_automations(IDS)
    second = run_coro_as_sync(known())
    assert [a.id for a in second] == [a.id for a in first]
    assert [a.enabled for a in second] == [True, False, True]


def test_only_runs_of_the_given_deployments_are_touched_and_heartbeats_know_them_by_id_alone(prefect_server):
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.events import Event
    from prefect.flow_engine import FlowRunEngine

    @flow(name="beating")
    def beating() -> None: ...

    with get_client(sync_client=True) as client:
        ours, other = (client.create_deployment(client.create_flow(beating), name=name) for name in ("ours", "other"))
        for deployment_id, expected in ((ours, True), (other, False)):
            run = client.create_flow_run_from_deployment(deployment_id)
            resource, related = FlowRunEngine(flow=beating, flow_run=run)._build_heartbeat_event_template()
            event = Event(event="prefect.flow-run.heartbeat", resource=resource, related=related)
            trigger = automations([ours])[0].trigger
            patterns = trigger.match_related.root
            assert trigger.match.matches(event.resource)
            assert any(ResourceSpecification(patterns).matches(r) for r in event.related) is expected


def test_heartbeats_that_are_lost_while_the_server_restarts_are_no_crash():
    assert SILENCE_S >= 2 * HEARTBEAT_S + 2 * STARTED_WITHIN_S


def test_no_state_that_a_live_process_may_be_in_ends_the_watch_for_good():
    """An event that is only expected ends it: what comes after such a state must start one again or need no process."""
    silent, stuck, crashed = (automation.trigger for automation in automations(IDS))
    needs_no_process = {f"prefect.flow-run.{name}" for name in module._AT_REST}
    for trigger in (silent, stuck):
        assert trigger.expect - needs_no_process <= silent.after
        assert needs_no_process <= trigger.expect
    assert "prefect.flow-run.Pending" in stuck.after
    # Whoever is started again is watched again.
    assert {"prefect.flow-run.Pending", "prefect.flow-run.Running"} <= crashed.expect


@pytest.mark.fault
def test_a_run_whose_worker_died_before_it_began_is_found_and_starts_again(prefect_server, monkeypatch):
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.states import Pending

    @flow(name="beginning")
    def beginning() -> None: ...

    monkeypatch.setattr(module, "BEGUN_WITHIN_S", 10)
    monkeypatch.setattr(module, "SETTLED_S", 10)
    with get_client(sync_client=True) as client:
        deployment_id = client.create_deployment(client.create_flow(beginning), name="beginning")
        ensure_automations([deployment_id])
        # The server's triggers hear of new automations a moment later.
        time.sleep(2)
        run = client.create_flow_run_from_deployment(deployment_id)
        client.set_flow_run_state(run.id, Pending())
        deadline = time.monotonic() + 600
        while (states := [s.name for s in client.read_flow_run_states(run.id)])[-1] != "AwaitingRetry":
            assert time.monotonic() < deadline, states
            time.sleep(0.5)
    assert states == ["Scheduled", "Pending", "Crashed", "AwaitingRetry"]
