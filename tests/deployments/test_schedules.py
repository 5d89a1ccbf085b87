"""deployments.schedules: no schedule is active that nobody chose, and none that a person made or changed is lost."""

from pathlib import Path

import pytest

from deployments.changes import Memory
from deployments.schedules import SCHEDULE_SLUG, settle_schedules

WEEKLY = {SCHEDULE_SLUG: {"cron": "0 3 * * 6", "timezone": "UTC", "parameters": {}}}
LATER = {SCHEDULE_SLUG: {"cron": "0 5 * * 6", "timezone": "UTC", "parameters": {}}}


class Round:
    """A deployment on a real server, and what `up` remembers of it from one time to the next."""

    def __init__(self, client, path: Path):
        from prefect import flow

        @flow(name="scheduled")
        def scheduled() -> None: ...

        self.client, self.path = client, path
        self.id = client.create_deployment(client.create_flow(scheduled), name="weekly")

    def up(self, wanted: dict, *, active: bool | None = None) -> list[str]:
        memory = Memory.read(self.path)
        settle_schedules(self.client, memory, self.client.read_deployment(self.id), wanted, active=active)
        memory.write(self.path)
        return memory.kept

    @property
    def schedules(self) -> list:
        return sorted(
            (s.slug, s.schedule.cron, s.schedule.timezone, s.active)
            for s in self.client.read_deployment_schedules(self.id)
        )

    def set(self, **changes) -> None:
        """What a person does in the pages."""
        (there,) = self.client.read_deployment_schedules(self.id)
        self.client.update_deployment_schedule(self.id, there.id, **changes)


@pytest.fixture
def server(prefect_server, tmp_path):
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        found = Round(client, tmp_path / "deployed.json")
        yield found
        client.delete_deployment(found.id)


def cron(text: str, timezone: str = "UTC"):
    from prefect.client.schemas.schedules import CronSchedule

    return CronSchedule(cron=text, timezone=timezone)


def test_new_ones_are_off_the_switch_is_a_persons_and_new_hours_reach_what_is_off(server):
    assert server.up(WEEKLY) == []
    assert server.schedules == [(SCHEDULE_SLUG, "0 3 * * 6", "UTC", False)]
    assert server.up(LATER) == []
    assert server.schedules == [(SCHEDULE_SLUG, "0 5 * * 6", "UTC", False)]
    server.set(active=True)
    assert server.up(LATER) == []
    assert server.schedules == [(SCHEDULE_SLUG, "0 5 * * 6", "UTC", True)]

    # Switched on, it does not move to hours that nobody chose.
    assert server.up(WEEKLY) == [f"weekly, schedule {SCHEDULE_SLUG}: cron is 0 5 * * 6, in the catalog 0 3 * * 6; kept"]
    assert server.schedules == [(SCHEDULE_SLUG, "0 5 * * 6", "UTC", True)]
    # Unless the person says so.
    assert server.up(WEEKLY, active=True) == []
    assert server.schedules == [(SCHEDULE_SLUG, "0 3 * * 6", "UTC", True)]
    assert server.up(WEEKLY, active=False) == []
    assert server.schedules == [(SCHEDULE_SLUG, "0 3 * * 6", "UTC", False)]


def test_hours_that_a_person_changed_stay_also_where_it_is_switched(server):
    server.up(WEEKLY)
    server.set(schedule=cron("30 6 * * 1", "Europe/Berlin"))
    told = [
        f"weekly, schedule {SCHEDULE_SLUG}: cron was changed to 30 6 * * 1 in the pages; kept",
        f"weekly, schedule {SCHEDULE_SLUG}: timezone was changed to Europe/Berlin in the pages; kept",
    ]
    assert server.up(WEEKLY) == told
    assert server.up(WEEKLY, active=True) == told
    assert server.schedules == [(SCHEDULE_SLUG, "30 6 * * 1", "Europe/Berlin", True)]


def test_added_and_removed_ones_stay_so(server):
    from prefect.client.schemas.actions import DeploymentScheduleCreate

    server.up(WEEKLY)
    server.client.create_deployment_schedules(
        server.id, [DeploymentScheduleCreate(schedule=cron("0 1 * * *"), active=True)]
    )
    assert server.up(WEEKLY) == ["weekly: schedule 0 1 * * * UTC was added in the pages; kept"]
    for there in server.client.read_deployment_schedules(server.id):
        server.client.delete_deployment_schedule(server.id, there.id)
    (told,) = server.up(WEEKLY)
    assert "was removed in the pages; stays so" in told
    assert server.up(WEEKLY) == [told]
    assert server.schedules == []
    server.up(WEEKLY, active=True)
    assert server.schedules == [(SCHEDULE_SLUG, "0 3 * * 6", "UTC", True)]


@pytest.mark.parametrize(
    ("switched", "left"), [(None, []), ("up", []), ("pages", [(SCHEDULE_SLUG, "0 3 * * 6", "UTC", True)])]
)
def test_one_that_left_the_catalog_goes_unless_a_person_changed_it(server, switched, left):
    server.up(WEEKLY, active=True if switched == "up" else None)
    if switched == "pages":
        server.set(active=True)
        server.up(WEEKLY)
    (told,) = server.up({})
    assert told.endswith("kept" if left else "removed")
    assert server.schedules == left
    assert server.up({}) == ([told] if left else [])


def test_without_a_memory_nothing_is_touched(server):
    server.up(WEEKLY, active=True)
    server.path.unlink()
    assert len(server.up(LATER)) == 1
    assert server.schedules == [(SCHEDULE_SLUG, "0 3 * * 6", "UTC", True)]
    server.path.unlink()
    assert len(server.up({})) == 1
    assert server.schedules == [(SCHEDULE_SLUG, "0 3 * * 6", "UTC", True)]
