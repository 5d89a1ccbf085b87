"""deployments.production.settings: what is missing is all named, and no secret is where it could be read."""

import pytest

from deployments.production.settings import (
    CLIENT_AUTH,
    DATABASE,
    FILES,
    KEPT_S,
    REDIS,
    VACUUM,
    ProductionError,
    client_auth,
    read_production,
    without_server_secrets,
)
from deployments.project import AUTH_VARIABLE

URL = "postgresql+asyncpg://prefect:secret-word@db.example.org/prefect"
GIVEN = {DATABASE: URL, AUTH_VARIABLE: "kitti:another-word"}


def test_everything_that_is_missing_is_named_at_once():
    with pytest.raises(ProductionError) as error:
        read_production({})
    assert DATABASE in str(error.value)
    assert AUTH_VARIABLE in str(error.value)
    assert all(name in str(error.value) for name in list(FILES.values())[:2])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {DATABASE: "sqlite+aiosqlite:////srv/prefect.db"},
            r"with postgresql\+asyncpg://, got sqlite\+aiosqlite",
        ),
        ({DATABASE: "postgres://prefect:secret-word@db/prefect"}, "got postgres\n"),
        ({DATABASE: "prefect.db"}, "got something else"),
        ({AUTH_VARIABLE: "another-word"}, "expected NAME:PASSWORD"),
        ({AUTH_VARIABLE: "kitti:"}, "expected NAME:PASSWORD"),
        ({CLIENT_AUTH: "kitti:third-word"}, f"{CLIENT_AUTH} is another than"),
        ({FILES[DATABASE]: "/etc/kittidet/database-url"}, "are both set: keep one"),
        ({"PREFECT_REDIS_MESSAGING_HOST": "redis"}, f"write Redis as {REDIS}="),
        ({REDIS: "", FILES[REDIS]: "/nowhere/redis-url"}, "/nowhere/redis-url cannot be read: No such file"),
    ],
)
def test_what_cannot_be_meant_is_said_without_a_secret(changed, said):
    with pytest.raises(ProductionError, match=said) as error:
        read_production(GIVEN | changed)
    assert "-word" not in str(error.value)


def test_secrets_may_be_files_and_are_never_shown(tmp_path):
    (tmp_path / "url").write_text(URL + "\n")
    (tmp_path / "auth").write_text("kitti:another-word\n")
    found = read_production({FILES[DATABASE]: str(tmp_path / "url"), FILES[AUTH_VARIABLE]: str(tmp_path / "auth")})
    assert (found.database_url, found.auth) == (URL, "kitti:another-word")
    assert "-word" not in repr(found)
    assert client_auth({FILES[AUTH_VARIABLE]: str(tmp_path / "auth")}) == "kitti:another-word"
    (tmp_path / "auth").write_text("\n")
    with pytest.raises(ProductionError, match="is empty"):
        client_auth({FILES[AUTH_VARIABLE]: str(tmp_path / "auth")})
    assert client_auth({}) is None


def test_old_runs_are_removed_unless_a_person_says_otherwise():
    assert read_production(GIVEN).environment()[VACUUM] == "events,flow_runs"
    assert read_production(GIVEN).environment()[KEPT_S] == str(90 * 24 * 3600)
    assert read_production(GIVEN | {VACUUM: "events"}).environment()[VACUUM] == "events"


def test_prefect_knows_these_names_and_values(monkeypatch):
    """A variable that Prefect does not read would be passed over in silence."""
    from prefect.settings import Settings

    for name, value in read_production(GIVEN | {REDIS: "redis://redis:6379/0"}).environment().items():
        monkeypatch.setenv(name, value)
    server = Settings().server
    assert server.database.connection_url.get_secret_value() == URL
    assert server.api.auth_string.get_secret_value() == "kitti:another-word"
    assert server.services.db_vacuum.enabled_vacuum_types == {"events", "flow_runs", "orphans"}
    assert server.services.db_vacuum.retention_period.days == 90
    assert {server.events.messaging_broker, server.events.messaging_cache} == {"prefect_redis.messaging"}
    assert server.events.causal_ordering == "prefect_redis.ordering"
    assert server.concurrency.lease_storage == "prefect_redis.lease_storage"
    assert server.docket.url == "redis://redis:6379/0"


def test_without_redis_nothing_of_it_is_set():
    assert not [name for name in read_production(GIVEN).environment() if "REDIS" in name or "MESSAGING" in name]


def test_workers_get_none_of_the_secrets_that_are_the_servers(monkeypatch):
    for name in (*FILES, *FILES.values(), "PREFECT_SERVER_DATABASE_PASSWORD", "PREFECT_REDIS_MESSAGING_PASSWORD"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("PREFECT_API_URL", "http://server:4200/api")
    taken = without_server_secrets()
    assert set(FILES) | set(FILES.values()) <= set(taken)
    assert {"PREFECT_SERVER_DATABASE_PASSWORD", "PREFECT_REDIS_MESSAGING_PASSWORD"} <= set(taken)
    assert "PREFECT_API_URL" not in taken
    assert set(taken.values()) == {None}
