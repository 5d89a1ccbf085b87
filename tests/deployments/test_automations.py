"""deployments.automations: two, once each, and a person's switch is kept."""

from prefect.utilities.asyncutils import run_coro_as_sync

from deployments.automations import HEARTBEAT_S, SILENCE_S, automations, ensure_automations
from deployments.catalog import CATALOG


async def known() -> list:
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        return [found for a in automations() for found in await client.read_automations_by_name(a.name)]


async def switch_off(automation) -> None:
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        await client.pause_automation(automation.id)


def test_doing_it_again_adds_nothing_and_keeps_what_was_switched_off(prefect_server):
    ensure_automations()
    first = run_coro_as_sync(known())
    assert len(first) == 2
    run_coro_as_sync(switch_off(first[1]))
    ensure_automations()
    second = run_coro_as_sync(known())
    assert [a.id for a in second] == [a.id for a in first]
    assert [a.enabled for a in second] == [True, False]


def test_only_runs_of_the_catalog_are_touched():
    for automation in automations():
        names = automation.trigger.match_related.root["prefect.resource.name"]
        assert set(names) == {entry.name for entry in CATALOG}


def test_one_lost_heartbeat_is_no_crash():
    assert SILENCE_S >= 3 * HEARTBEAT_S
