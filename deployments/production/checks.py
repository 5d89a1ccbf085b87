"""Looks, before a server starts, at what it will need: a PostgreSQL that fits, Redis, and the packages for it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from deployments.production.settings import Production, ProductionError, cannot_start
from kittidet.masking import masked

# The oldest that PostgreSQL has mended this year; 15 is what was tried.
POSTGRES = 14
# Prefect's messages are taken over from dead processes by XAUTOCLAIM.
REDIS = (6, 2)
ANSWERED_WITHIN_S = 10

_QUESTION = """
select exists (select from pg_extension where extname = 'pg_trgm') as has_trigrams,
       exists (select from pg_available_extensions where name = 'pg_trgm') as can_have_trigrams,
       coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) as may_create,
       pg_is_in_recovery() as is_copy
"""


@dataclass(frozen=True, slots=True)
class Database:
    """What a database says of itself.

    Attributes:
        version: its own words, e.g. ``PostgreSQL 15.18 (Debian ...)``.
        number: 150018 for 15.18; 0 for what is no PostgreSQL.
        has_trigrams: whether the extension ``pg_trgm`` is in the database.
        can_have_trigrams: whether the machine has the extension.
        may_create: whether its user may create tables.
        is_copy: whether it is a standby, which takes no writes.
    """

    version: str
    number: int
    has_trigrams: bool = False
    can_have_trigrams: bool = False
    may_create: bool = False
    is_copy: bool = False


def check_production(production: Production, *, servers: int) -> list[str]:
    """Return what was found, a line each, if a server can start.

    Args:
        production: its settings.
        servers: how many processes of it run.

    Raises:
        ProductionError: naming everything that is in the way.
    """
    found: list[str] = []
    problems: list[str] = []

    def look(check: Callable[[], str]) -> None:
        try:
            found.append(check())
        except ProductionError as error:
            problems.append(str(error))

    look(lambda: check_database(production.database_url))
    redis_url = production.redis_url
    if redis_url is not None:
        look(lambda: check_redis(redis_url))
    elif servers > 1:
        problems.append(f"{servers} server processes need Redis for their messages: set PREFECT_REDIS_MESSAGING_URL")
    if problems:
        raise cannot_start(problems)
    return found


def check_database(url: str) -> str:
    """Return one line about a PostgreSQL that fits.

    Raises:
        ProductionError: if it cannot be reached or does not fit.
    """
    from sqlalchemy.engine import make_url  # noqa: PLC0415  half a second, for those who start a server
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Neither the address nor the error is shown: a password with a slash or an @ stands where none is looked for.
        raise ProductionError(
            "the database's address cannot be read. Write / @ : # in its password as %2F %40 %3A %23."
        ) from None
    place = f"{parsed.host or 'localhost'}:{parsed.port or 5432}/{parsed.database or ''}"
    try:
        database = asyncio.run(_ask(url))
    except Exception as error:  # noqa: BLE001
        # A driver has errors of many families; each of them means the same here, and none shows the address.
        reason = masked(str(error)).partition("\n")[0] or type(error).__name__
        raise ProductionError(
            f"database at {place}, user {parsed.username}: {reason}. Look whether PostgreSQL runs there, lets this "
            "machine in (pg_hba.conf), and has that user and database."
        ) from None
    if problem := find_problem(database):
        raise ProductionError(f"database at {place}: {problem}")
    return f"database: {' '.join(database.version.split()[:2])} at {place}"


async def _ask(url: str) -> Database:
    from sqlalchemy import text  # noqa: PLC0415  as above
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

    engine = create_async_engine(url, connect_args={"timeout": ANSWERED_WITHIN_S})
    try:
        async with asyncio.timeout(2 * ANSWERED_WITHIN_S), engine.connect() as connection:
            version = str((await connection.execute(text("select version()"))).scalar_one())
            if not version.startswith("PostgreSQL "):
                return Database(version, 0)
            number = int((await connection.execute(text("show server_version_num"))).scalar_one())
            return Database(version, number, **(await connection.execute(text(_QUESTION))).mappings().one())
    finally:
        await engine.dispose()


def find_problem(database: Database) -> str | None:
    """Return why a database does not fit, or None."""
    if database.number == 0:
        return f"expected PostgreSQL, got {database.version.split(',')[0]}"
    if database.number < POSTGRES * 10_000:
        return f"expected PostgreSQL {POSTGRES} or later, got {database.version.split(',')[0]}"
    if database.is_copy:
        return "it is a standby, which takes no writes. Name the primary."
    if not database.may_create:
        return "its user may create no tables. Let the user own the database: ALTER DATABASE name OWNER TO user;"
    if not database.has_trigrams and not database.can_have_trigrams:
        return "it has no extension pg_trgm. Install it there (Debian: postgresql-contrib)."
    return None


def check_redis(url: str) -> str:
    """Return one line about a Redis that fits.

    Raises:
        ProductionError: if the extra is not installed, or it cannot be reached or is too old.
    """
    if find_spec("prefect_redis") is None:
        raise ProductionError("Redis is set, and its package is not installed: pip install 'kittidet[redis]'")
    import redis  # noqa: PLC0415  of the extra

    if not url.startswith(("redis://", "rediss://", "unix://")):
        return "redis: not looked at before the start (a cluster, or sentinels)"
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=ANSWERED_WITHIN_S, socket_timeout=ANSWERED_WITHIN_S) as r:
            version = str(r.info("server")["redis_version"])
    except (redis.RedisError, OSError, ValueError) as error:
        raise ProductionError(f"Redis at {masked(url)}: {masked(str(error))}. Look whether it runs there.") from None
    if tuple(int(part) for part in version.split(".")[:2]) < REDIS:
        raise ProductionError(f"Redis at {masked(url)}: expected {REDIS[0]}.{REDIS[1]} or later, got {version}")
    return f"redis: {version}"
