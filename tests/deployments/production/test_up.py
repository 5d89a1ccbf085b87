"""`kittidet up --profile production`, with Debian's PostgreSQL and Redis: a run ends well, and nobody gets in."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from fixtures.databases import PASSWORD
from fixtures.real_runs import TRAINED_WITHIN_S, start, wait_for
from fixtures.web_server import free_port

from deployments.local.stack import POOLS
from deployments.local.workers import worker_process
from deployments.production.settings import FILES, KEPT_S
from deployments.project import Project, connected

ROOT = Path(__file__).parents[3]
WORD = "word-of-the-server"
NAME = ("kitti", WORD)
ENDED = {"Completed", "Failed", "Crashed", "Cancelled"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """One for both tests: the second finds every step Cached."""
    return tmp_path_factory.mktemp("production")


def kittidet(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment = {**inherited, "KITTIDET_HOME": str(home), "PYTHONPATH": str(ROOT), "PREFECT_UI_ENABLED": "false"}
    command = [sys.executable, "-m", "kittidet", *arguments]
    return subprocess.run(
        command, env=environment | variables, cwd=home, capture_output=True, text=True, check=False, timeout=900
    )


def secret_files(home: Path, database_url: str) -> dict[str, str]:
    folder = home.parent / "secrets"
    folder.mkdir(exist_ok=True)
    (folder / "database-url").write_text(database_url + "\n")
    (folder / "auth").write_text(":".join(NAME) + "\n")
    database, auth, _ = FILES.values()
    return {database: str(folder / "database-url"), auth: str(folder / "auth")}


def places_of_secrets(home: Path) -> list[str]:
    """Every file of the project, and every argument of a process, that holds a password."""
    secrets = [text.encode() for text in (PASSWORD, PASSWORD.replace("/", "%2F").replace("@", "%40"), WORD)]
    files = [p for p in home.rglob("*") if p.is_file() and not p.is_relative_to(home / "store")]
    arguments = [p / "cmdline" for p in Path("/proc").glob("[0-9]*")]
    found = []
    for path in (*files, *arguments):
        try:
            content = path.read_bytes()
        except OSError:
            continue
        found += [str(path) for secret in secrets if secret in content]
    return found


@pytest.mark.parametrize("servers", [1, 2])
def test_a_run_in_production_ends_well_and_nobody_without_a_password_gets_in(servers, home, postgres, request):
    port = free_port("127.0.0.1")
    variables = secret_files(home, postgres) | {"PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS": "2"}
    if servers > 1:
        variables["PREFECT_REDIS_MESSAGING_URL"] = request.getfixturevalue("redis_server")
    asked = ("up", "--profile", "production", "--port", str(port), "--servers", str(servers))
    try:
        done = kittidet(home, *asked, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "database: PostgreSQL" in done.stderr
        assert WORD not in done.stdout + done.stderr
        url = f"http://127.0.0.1:{port}/api"
        assert httpx.post(f"{url}/flow_runs/filter", json={}).status_code == 401
        assert httpx.post(f"{url}/flow_runs/filter", json={}, auth=("kitti", "another")).status_code == 401
        assert httpx.post(f"{url}/flow_runs/filter", json={}, auth=NAME).status_code == 200
        assert (home / ".prefect" / "prefect.db").exists() is False

        project = Project(home, password=":".join(NAME))
        for pool in POOLS:
            environment = Path(f"/proc/{worker_process(project, pool).pid()}/environ").read_bytes()
            assert b"PREFECT_SERVER_DATABASE_CONNECTION_URL" not in environment
            assert FILES["PREFECT_SERVER_DATABASE_CONNECTION_URL"].encode() not in environment
        with connected(project, url):
            run = start("here", project, epochs=1)
            assert wait_for(run.id, ENDED, TRAINED_WITHIN_S) == "Completed"
        assert places_of_secrets(home) == []

        again = kittidet(home, *asked, **variables)
        assert "was running" in again.stderr
        other = kittidet(home, "up")
        assert other.returncode == 1
        assert "is running in the profile production" in other.stderr

        grow_old(postgres, run.id)
        assert is_removed(f"{url}/flow_runs/{run.id}"), f"a run older than {KEPT_S} is still there"
    finally:
        down = kittidet(home, "down")
    assert "server: stopped" in down.stdout
    assert ("services: stopped" in down.stdout) == (servers > 1)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health")


def grow_old(database_url: str, run_id) -> None:
    """Let a run have ended before the retention period."""

    async def change() -> None:
        import asyncpg

        connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
        await connection.execute("UPDATE flow_run SET end_time = end_time - interval '91 days' WHERE id = $1", run_id)
        await connection.close()

    asyncio.run(change())


def is_removed(address: str) -> bool:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if httpx.get(address, auth=NAME).status_code == 404:
            return True
        time.sleep(1)
    return False


def test_what_is_missing_is_all_said_before_anything_starts(tmp_path, postgres):
    done = kittidet(tmp_path, "up", "--profile", "production")
    assert done.returncode == 1
    assert "no database: set PREFECT_SERVER_DATABASE_CONNECTION_URL" in done.stderr
    assert "no password: set PREFECT_SERVER_API_AUTH_STRING" in done.stderr
    done = kittidet(tmp_path, "up", "--profile", "production", "--servers", "2", **secret_files(tmp_path, postgres))
    assert "2 server processes need Redis" in done.stderr
    assert not (tmp_path / ".prefect").exists()
