"""What the production profile takes from its environment: database, password, Redis, and how long runs are kept.

Each secret is the value of a variable, or the content of a file that another variable names (systemd's credentials,
Docker's secrets). None is ever printed, logged, written, or given to a process as an argument.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from deployments.project import AUTH_VARIABLE
from kittidet.errors import KittidetError

DATABASE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
REDIS = "PREFECT_REDIS_MESSAGING_URL"
CLIENT_AUTH = "PREFECT_API_AUTH_STRING"
# Which variable names the file that holds a secret.
FILES = {DATABASE: "KITTIDET_DATABASE_URL_FILE", AUTH_VARIABLE: "KITTIDET_AUTH_FILE", REDIS: "KITTIDET_REDIS_URL_FILE"}
DRIVER = "postgresql+asyncpg://"
# Prefect removes nothing but old events unless it is told to.
VACUUM = "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED"
KEPT_S = "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD"
RETENTION = {VACUUM: "events,flow_runs", KEPT_S: str(90 * 86_400)}


class Profile(StrEnum):
    """How a server is run."""

    LOCAL = "local"
    PRODUCTION = "production"


class ProductionError(KittidetError):
    """The production profile cannot be started with what its environment holds."""


@dataclass(frozen=True, slots=True)
class Production:
    """The secrets of a server in production, and its settings.

    Attributes:
        database_url: of PostgreSQL, as SQLAlchemy writes it.
        auth: ``NAME:PASSWORD``, asked of every client.
        redis_url: for the messages of several server processes; None: one process, which needs none.
        retention: which old rows Prefect removes, and how old they must be.
    """

    database_url: str = field(repr=False)
    auth: str = field(repr=False)
    redis_url: str | None = field(repr=False)
    retention: Mapping[str, str]

    def environment(self) -> dict[str, str]:
        """Return the variables of the server's processes beside those of the project."""
        found = {DATABASE: self.database_url, AUTH_VARIABLE: self.auth, CLIENT_AUTH: self.auth, **self.retention}
        if self.redis_url is None:
            return found
        return found | {
            REDIS: self.redis_url,
            "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
            "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
            "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
            # What services leave for each other to do.
            "PREFECT_SERVER_DOCKET_URL": self.redis_url,
        }


def read_production(environ: Mapping[str, str]) -> Production:
    """Return what an environment says of the production profile.

    Raises:
        ProductionError: naming everything that is missing or cannot be meant.
    """
    problems: list[str] = []
    database, auth, redis = (_secret(name, environ, problems) for name in (DATABASE, AUTH_VARIABLE, REDIS))
    if database is None:
        problems.append(f"no database: set {DATABASE}={DRIVER}USER:PASSWORD@HOST/NAME, or {FILES[DATABASE]}=FILE")
    elif not database.startswith(DRIVER):
        kind = database.partition(":")[0] if "://" in database else "something else"
        problems.append(f"{DATABASE}: expected an address that begins with {DRIVER}, got {kind}")
    if auth is None:
        problems.append(f"no password: set {AUTH_VARIABLE}=NAME:PASSWORD, or {FILES[AUTH_VARIABLE]}=FILE")
    elif not all(auth.partition(":")):
        problems.append(f"{AUTH_VARIABLE}: expected NAME:PASSWORD, got a text without one of them")
    elif environ.get(CLIENT_AUTH, auth) != auth:
        problems.append(
            f"{CLIENT_AUTH} is another than {AUTH_VARIABLE}: clients would be refused; unset it, or mend it"
        )
    if redis is None and environ.get("PREFECT_REDIS_MESSAGING_HOST"):
        problems.append(f"PREFECT_REDIS_MESSAGING_HOST is set: write Redis as {REDIS}=redis://HOST:6379/0")
    if problems or database is None or auth is None:
        raise cannot_start(problems)
    retention = {name: environ.get(name, default) for name, default in RETENTION.items()}
    return Production(database, auth, redis, retention)


def _secret(name: str, environ: Mapping[str, str], problems: list[str]) -> str | None:
    value, file = environ.get(name), environ.get(FILES[name])
    if value and file:
        problems.append(f"{name} and {FILES[name]} are both set: keep one")
    if value or not file:
        return value or None
    try:
        text = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no text"
        problems.append(f"{FILES[name]}: {file} cannot be read: {reason}")
        return None
    if not text:
        problems.append(f"{FILES[name]}: {file} is empty")
    return text or None


def client_auth(environ: Mapping[str, str]) -> str | None:
    """Return what a client on this machine says to a server with a password; None without one."""
    problems: list[str] = []
    found = environ.get(CLIENT_AUTH) or _secret(AUTH_VARIABLE, environ, problems)
    if found is None and problems:
        raise cannot_start(problems)
    return found


def without_server_secrets() -> dict[str, None]:
    """Return the variables of this process that workers and runs must not get, each as None."""
    prefixes = ("PREFECT_SERVER_DATABASE_", "PREFECT_API_DATABASE_", "PREFECT_REDIS_", "PREFECT_SERVER_DOCKET_")
    secret = {AUTH_VARIABLE, *FILES.values()}
    return {name: None for name in os.environ if name in secret or name.startswith(prefixes)}


def cannot_start(problems: Sequence[str]) -> ProductionError:
    """Return the error that names all of them."""
    listed = "\n".join(f"- {problem}" for problem in problems)
    return ProductionError(f"the production profile cannot start:\n{listed}\nSee docs/production.md.")
