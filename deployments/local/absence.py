"""The time in which the server was away is nobody's silence: what our automations wait for is awaited anew.

A run goes on without the server, but its heartbeats are lost. Back after more than a minute, the server would set it
Crashed before it heard the next one, and start it again beside itself.
"""

import asyncio
from datetime import datetime, timedelta

import sqlalchemy as sa
from prefect.server.database import provide_database_interface
from prefect.types._datetime import now

from deployments.automations import SILENCE_S

# What the server itself takes to start, on a busy machine.
STARTED_WITHIN_S = 60


def forgive_absence() -> None:
    """Move the deadlines of our automations that are near or past; for a server that is about to start."""
    asyncio.run(_move_deadlines(now("UTC") + timedelta(seconds=SILENCE_S + STARTED_WITHIN_S)))


async def _move_deadlines(deadline: datetime) -> None:
    database = provide_database_interface()
    engine = await database.engine()
    async with engine.connect() as connection:
        is_new = not await connection.run_sync(lambda c: sa.inspect(c).has_table("automation_bucket"))
    if is_new:
        return
    ours = sa.select(database.Automation.id).where(database.Automation.name.like("kittidet: %"))
    bucket = database.AutomationBucket
    async with database.session_context(begin_transaction=True) as session:
        await session.execute(
            sa.update(bucket).where(bucket.automation_id.in_(ours), bucket.end < deadline).values(end=deadline)
        )
