"""deployments.production.checks: what does not fit is said before a server starts, without a password."""

import pytest
from fixtures.web_server import free_port

from deployments.production import checks
from deployments.production.checks import Database, check_database, check_production, check_redis, find_problem
from deployments.production.settings import Production, ProductionError

FITS = {"has_trigrams": False, "can_have_trigrams": True, "may_create": True}


@pytest.mark.parametrize(
    ("database", "problem"),
    [
        (Database("PostgreSQL 15.18 (Debian 15.18-1)", 150018, **FITS), None),
        (Database("PostgreSQL 15.18", 150018, **FITS | {"has_trigrams": True, "can_have_trigrams": False}), None),
        (Database("CockroachDB CCL v24.1.0 (x86_64)", 0), "expected PostgreSQL, got CockroachDB CCL v24.1.0"),
        (
            Database("PostgreSQL 12.22 on x86_64", 120022, **FITS),
            "expected PostgreSQL 14 or later, got PostgreSQL 12.22",
        ),
        (Database("PostgreSQL 15.18", 150018, **FITS | {"is_copy": True}), "it is a standby"),
        (Database("PostgreSQL 15.18", 150018, **FITS | {"may_create": False}), "ALTER DATABASE name OWNER TO user"),
        (Database("PostgreSQL 15.18", 150018, **FITS | {"can_have_trigrams": False}), "no extension pg_trgm"),
    ],
)
def test_a_database_that_does_not_fit_says_why(database, problem):
    found = find_problem(database)
    assert found is None if problem is None else problem in found


def test_a_database_that_is_not_there_is_named_without_its_password():
    port = free_port("127.0.0.1")
    with pytest.raises(ProductionError, match=rf"127.0.0.1:{port}/prefect, user me: .*Look whether") as error:
        check_database(f"postgresql+asyncpg://me:secret-word@127.0.0.1:{port}/prefect")
    assert "secret-word" not in str(error.value)


def test_an_address_whose_password_is_not_escaped_is_not_repeated():
    with pytest.raises(ProductionError, match=r"cannot be read.*%2F") as error:
        check_database("postgresql+asyncpg://me:secret/word@d:e/f")
    assert "word@" not in str(error.value)


def test_redis_that_is_not_there_or_has_no_package_is_said(monkeypatch):
    with pytest.raises(ProductionError, match=r"redis://\*\*\*@127.0.0.1:9/0") as error:
        check_redis("redis://:secret-word@127.0.0.1:9/0")
    assert "secret-word" not in str(error.value)
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    with pytest.raises(ProductionError, match=r"pip install 'kittidet\[redis\]'"):
        check_redis("redis://127.0.0.1:9/0")


def test_all_that_is_in_the_way_is_said_at_once(monkeypatch):
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    url = f"postgresql+asyncpg://me:secret-word@127.0.0.1:{free_port('127.0.0.1')}/prefect"
    with pytest.raises(ProductionError) as error:
        check_production(Production(url, "a:b", "redis://127.0.0.1:9/0", {}), servers=2)
    assert str(error.value).count("\n- ") == 2
    with pytest.raises(ProductionError, match="2 server processes need Redis"):
        check_production(Production(url, "a:b", None, {}), servers=2)


@pytest.mark.slow
def test_real_ones_are_found_and_the_wrong_ones_refused(postgres, redis_server):
    found = check_production(Production(postgres, "a:b", redis_server, {}), servers=2)
    assert found[0].startswith("database: PostgreSQL 1")
    assert found[1].startswith("redis: ")
    with pytest.raises(ProductionError, match="may create no tables"):
        check_database(postgres.replace("/prefect", "/another").replace("//another:", "//prefect:"))
    with pytest.raises(ProductionError, match="password authentication failed"):
        check_database(postgres.replace("word", "wort"))
