"""deployments.local.serve: what Prefect's SQLite refuses at once waits for its turn instead."""

import asyncio
import inspect
from contextlib import suppress

import pytest
import sqlalchemy as sa
from prefect.server.database.configurations import SQLITE_BEGIN_MODE, AioSqliteConfiguration

from deployments.local import serve


@pytest.fixture
def start(monkeypatch):
    """Let Prefect's method be ours for one test."""
    monkeypatch.setattr(AioSqliteConfiguration, "begin_transaction", AioSqliteConfiguration.begin_transaction)
    return serve.take_the_lock_first


def on_a_database(path, work) -> int:
    """Return what a coroutine returns that is given a configuration of Prefect's and its engine."""

    async def run() -> int:
        configuration = AioSqliteConfiguration(f"sqlite+aiosqlite:///{path / 'a.db'}")
        engine = await configuration.engine()
        try:
            return await asyncio.wait_for(work(configuration, engine), 30)
        finally:
            await engine.dispose()
            # Its threads end a moment later.
            await asyncio.sleep(0.2)

    return asyncio.run(run())


async def read_then_write(configuration, engine) -> int:
    """Let two transactions add one each to a number that both read first, as two requests of a server do."""
    async with engine.connect() as connection:
        await connection.execute(sa.text("CREATE TABLE numbers (value INTEGER)"))
        await connection.execute(sa.text("INSERT INTO numbers VALUES (0)"))
        await connection.commit()

    async def add_one() -> None:
        session = await configuration.session(engine)
        async with session, configuration.begin_transaction(session):
            value = (await session.execute(sa.text("SELECT value FROM numbers"))).scalar_one()
            await asyncio.sleep(0.2)
            await session.execute(sa.text("UPDATE numbers SET value = :value"), {"value": value + 1})
        # What follows, or runs beside it, is not to take the lock.
        assert SQLITE_BEGIN_MODE.get() is None

    for ended in await asyncio.gather(add_one(), add_one(), return_exceptions=True):
        if ended is not None:
            raise ended
    async with engine.connect() as connection:
        return (await connection.execute(sa.text("SELECT value FROM numbers"))).scalar_one()


def test_prefect_alone_refuses_the_second_of_two_that_read_before_they_write(tmp_path):
    """Once this fails, Prefect has mended it, and the module can go."""
    with pytest.raises(sa.exc.OperationalError, match="database is locked"):
        on_a_database(tmp_path, read_then_write)


def test_with_the_lock_taken_first_the_second_waits_and_nothing_is_lost(start, tmp_path):
    start()
    assert on_a_database(tmp_path, read_then_write) == 2


def test_what_reads_inside_on_a_connection_of_its_own_does_not_wait_for_itself(start, tmp_path):
    start()

    async def nested(configuration, engine) -> int:
        session = await configuration.session(engine)
        async with session, configuration.begin_transaction(session):
            await session.execute(sa.text("CREATE TABLE numbers (value INTEGER)"))
            async with await configuration.session(engine) as other:
                return (await other.execute(sa.text("SELECT 7"))).scalar_one()

    assert on_a_database(tmp_path, nested) == 7


def test_a_transaction_that_fails_is_undone_and_leaves_no_mode_behind(start, tmp_path):
    start()

    async def fails(configuration, engine) -> int:
        session = await configuration.session(engine)
        with suppress(ZeroDivisionError):
            async with session, configuration.begin_transaction(session):
                await session.execute(sa.text("CREATE TABLE numbers (value INTEGER)"))
                raise ZeroDivisionError
        assert SQLITE_BEGIN_MODE.get() is None
        async with engine.connect() as connection:
            return (await connection.execute(sa.text("SELECT count(*) FROM sqlite_master"))).scalar_one()

    assert on_a_database(tmp_path, fails) == 0


def test_prefects_method_is_still_called_as_ours_is():
    theirs, ours = (inspect.signature(f) for f in (AioSqliteConfiguration.begin_transaction, serve.begin_immediately))
    assert list(theirs.parameters)[1:] == list(ours.parameters)[1:]


def test_several_processes_have_time_to_load(monkeypatch):
    """uvicorn would otherwise end each after 5 s; Prefect's command calls it by this name."""
    import uvicorn
    from prefect.cli import _server_utils

    said = {}
    monkeypatch.setattr(uvicorn, "run", lambda **options: said.update(options))
    serve.wait_for_processes()
    assert "uvicorn.run(" in inspect.getsource(_server_utils._run_in_foreground)
    assert "timeout_worker_healthcheck" in inspect.signature(uvicorn.Config).parameters
    _server_utils.uvicorn.run(workers=2)
    assert said == {"workers": 2, "timeout_worker_healthcheck": serve.LOADED_WITHIN_S}
