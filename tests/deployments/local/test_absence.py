"""deployments.local.absence: after a restart our automations wait anew, and those of others are as they were."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import sqlalchemy as sa
from prefect.server.database import provide_database_interface
from prefect.server.events.schemas.automations import EventTrigger
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, temporary_settings
from prefect.types._datetime import now

from deployments.automations import SILENCE_S, automations
from deployments.local.absence import forgive_absence


def test_deadlines_of_ours_that_passed_are_moved_and_nothing_else(tmp_path):
    ours = automations([uuid4()])
    names = [*(automation.name for automation in ours), "somebody else's"]
    trigger = EventTrigger.model_validate(ours[0].trigger.model_dump(mode="json"))
    before = now("UTC") - timedelta(hours=1)

    async def fill() -> None:
        database = provide_database_interface()
        engine = await database.engine()
        async with engine.begin() as connection:
            tables = [database.Automation.__table__, database.AutomationBucket.__table__]
            await connection.run_sync(database.Base.metadata.create_all, tables=tables)
        async with database.session_context(begin_transaction=True) as session:
            for name in names:
                automation = database.Automation(
                    id=uuid4(), name=name, description="", enabled=True, trigger=trigger, actions=[]
                )
                session.add(automation)
                await session.flush()
                for start in (before, before + timedelta(days=1)):
                    bucket = database.AutomationBucket(
                        automation_id=automation.id, trigger_id=uuid4(), start=start, end=start, count=0
                    )
                    session.add(bucket)

    async def ends() -> dict[str, list]:
        database = provide_database_interface()
        async with database.session_context() as session:
            found = await session.execute(
                sa.select(database.Automation.name, database.AutomationBucket.end)
                .join(database.AutomationBucket, database.AutomationBucket.automation_id == database.Automation.id)
                .order_by(database.AutomationBucket.end)
            )
            rows = found.all()
        return {name: [end for n, end in rows if n == name] for name in names}

    with temporary_settings({PREFECT_API_DATABASE_CONNECTION_URL: f"sqlite+aiosqlite:///{tmp_path / 'a.db'}"}):
        # A new database has nothing to move, and that is no error.
        forgive_absence()
        asyncio.run(fill())
        forgive_absence()
        found = asyncio.run(ends())
    for name in names[:-1]:
        moved, later = found[name]
        assert moved > now("UTC") + timedelta(seconds=SILENCE_S)
        assert later == before + timedelta(days=1)
    assert found[names[-1]] == [before, before + timedelta(days=1)]
