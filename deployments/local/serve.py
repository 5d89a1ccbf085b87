"""`python -m deployments.local.serve server start ...`: Prefect's command, whose SQLite takes its write lock at once.

Prefect 3.9.1 begins nearly every transaction of SQLite as a deferred one. If it reads before it writes, and another one
has written in between, SQLite refuses the write at once, however long its timeout ("database is locked"): the server
responds with 503 and the client asks again, which makes two of what was half done; an event that starts a crashed run
again may be lost. No setting changes that. A transaction that takes the lock when it begins waits for its turn instead.
With PostgreSQL nothing of this matters, and nothing is changed.

Where several processes respond (production), uvicorn ends one that has not said within 5 s that it lives. Loading
Prefect takes longer on a busy machine, and then no process ever comes up; here they have two minutes.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import uvicorn
from prefect.cli import app
from prefect.server.database import configurations
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

from deployments.local.absence import forgive_absence

LOADED_WITHIN_S = 120


@asynccontextmanager
async def begin_immediately(
    _self: Any,
    session: AsyncSession,
    with_for_update: bool = False,  # noqa: FBT001, FBT002  Prefect's signature
) -> AsyncIterator[AsyncSessionTransaction]:
    """Enter a transaction that holds SQLite's write lock from its first moment, in place of Prefect's own method."""
    del with_for_update
    async with session.begin() as transaction:
        token = configurations.SQLITE_BEGIN_MODE.set("IMMEDIATE")
        try:
            await session.connection()
        finally:
            # Begun: what reads inside, on a connection of its own, must not ask for the lock as well.
            configurations.SQLITE_BEGIN_MODE.reset(token)
        yield transaction


def take_the_lock_first() -> None:
    """Make every writing transaction of SQLite in this process take the lock when it begins."""
    configurations.AioSqliteConfiguration.begin_transaction = begin_immediately  # type: ignore[method-assign, assignment]


def wait_for_processes() -> None:
    """Let uvicorn wait for processes that are still loading; Prefect's command has no option for it."""
    uvicorn.run = partial(uvicorn.run, timeout_worker_healthcheck=LOADED_WITHIN_S)


if __name__ == "__main__":
    take_the_lock_first()
    wait_for_processes()
    forgive_absence()
    app()
