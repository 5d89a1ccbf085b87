"""deployments.production.serve, and the units and containers that use it: what they name is there."""

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml

from deployments.catalog import POOLS
from deployments.local import server as local
from deployments.production import serve
from deployments.production.settings import FILES, REDIS
from deployments.project import HOME_VARIABLE

FOLDER = Path(serve.__file__).parent
UNITS = sorted(FOLDER.glob("*.service"))
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "kittidet"}
MODULE = "deployments.production.serve"
# What these processes read of their environment.
READ = {*FILES.values(), REDIS, HOME_VARIABLE, "PREFECT_API_URL"}


@pytest.fixture
def became(monkeypatch, tmp_path):
    """What the process would have become: its command and its variables."""
    for name in [*FILES, *FILES.values(), "PREFECT_API_AUTH_STRING"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    monkeypatch.setenv("PREFECT_API_URL", "http://server:4200/api")
    calls = []
    monkeypatch.setattr(serve.os, "execvpe", lambda program, command, environment: calls.append((command, environment)))
    monkeypatch.setattr(serve, "is_healthy", lambda url: True)
    return calls


def part_of(command: list[str]) -> typer.core.TyperCommand:
    """Parse a command line of ours as it would be when it runs."""
    name, *arguments = command
    part = typer.main.get_command(serve.app).commands[name]
    part.make_context(name, arguments)
    return part


def test_a_server_that_cannot_start_says_why_and_ends(became, capsys):
    assert serve.main(["server"]) == 1
    assert "no database" in capsys.readouterr().err
    assert became == []


def test_several_processes_make_the_tables_first_and_leave_services_to_one(became, monkeypatch):
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "postgresql+asyncpg://a:secret-word@b/c")
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "a:secret-word")
    monkeypatch.setattr(serve, "check_production", lambda production, *, servers: [f"{servers} fit"])
    made = []
    monkeypatch.setattr(serve, "make_tables", made.append)
    assert serve.main(["server", "--servers", "2", "--host", "0.0.0.0"]) == 0
    (command, environment) = became.pop()
    assert command[-3:] == ["--workers", "2", "--no-services"]
    assert len(made) == 1
    assert environment["PREFECT_SERVER_DATABASE_MIGRATE_ON_START"] == "false"
    assert serve.main(["services"]) == 0
    (services, environment) = became.pop()
    assert services == list(local.SERVICES)
    assert environment["PREFECT_API_URL"] == "http://server:4200/api"
    assert "secret-word" not in " ".join([*command, *services])


def test_a_worker_says_the_password_and_knows_no_database(became, monkeypatch, tmp_path):
    (tmp_path / "auth").write_text("a:b")
    monkeypatch.setenv("KITTIDET_AUTH_FILE", str(tmp_path / "auth"))
    monkeypatch.setenv("KITTIDET_DATABASE_URL_FILE", "/etc/kittidet/database-url")
    assert serve.main(["worker", POOLS[0].name]) == 0
    (command, environment) = became.pop()
    assert command[command.index("--pool") + 1] == POOLS[0].name
    assert environment["PREFECT_API_AUTH_STRING"] == "a:b"
    assert not {"KITTIDET_DATABASE_URL_FILE", "KITTIDET_AUTH_FILE"} & set(environment)


def test_a_server_that_never_responds_is_not_waited_for_for_ever(became, monkeypatch, capsys):
    monkeypatch.setattr(serve, "is_healthy", lambda url: False)
    monkeypatch.setattr(serve, "HEALTHY_WITHIN_S", -1.0)
    assert serve.main(["worker", "kitti-cpu"]) == 1
    assert "no server responds at http://server:4200/api" in capsys.readouterr().err


def entries(path: Path, section: str, name: str) -> list[str]:
    """Every value of a key of a unit, which may stand there several times."""
    parser = configparser.ConfigParser(interpolation=None, strict=False, delimiters=["="])
    parser.read(path)
    assert {"Unit", "Service", "Install"} == set(parser.sections())
    found = re.findall(rf"^{name}=(.*)$", path.read_text(encoding="utf-8").partition(f"[{section}]")[2], re.MULTILINE)
    return [value for value in found if value]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_runs_a_part_there_is_with_variables_that_are_read(path):
    (command,) = entries(path, "Service", "ExecStart")
    program, *arguments = shlex.split(command)
    assert Path(program).is_absolute()
    assert arguments[:2] == ["-m", MODULE]
    part_of(arguments[2:])
    variables = dict(entry.partition("=")[::2] for entry in entries(path, "Service", "Environment"))
    assert set(variables) <= READ
    credentials = {entry.partition(":")[0] for entry in entries(path, "Service", "LoadCredential")}
    assert {value for value in variables.values() if "%d" in value} == {f"%d/{name}" for name in credentials}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path):
    for path in UNITS:
        unit = path.read_text(encoding="utf-8").replace("/opt/kittidet/.venv/bin/python", sys.executable)
        (tmp_path / path.name.replace("@", "@kitti-cpu")).write_text(unit)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())],
        capture_output=True,
        text=True,
        check=False,
    )
    # Units of the machine itself are none of ours.
    assert [line for line in done.stderr.splitlines() if "kittidet" in line] == []


@pytest.mark.parametrize("name", OURS)
def test_a_container_runs_a_part_there_is_with_variables_that_are_read(name):
    service = OURS[name]
    part_of(service["command"])
    assert set(service["environment"]) <= READ
    files = {value for value in service["environment"].values() if value.startswith("/run/secrets/")}
    assert files == {f"/run/secrets/{secret}" for secret in service["secrets"]}


def test_compose_names_what_it_defines():
    services = COMPOSE["services"]
    assert {word for s in OURS.values() for word in s["command"]} >= {pool.name for pool in POOLS}
    for service in services.values():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
        assert {volume.partition(":")[0] for volume in service.get("volumes", [])} <= set(COMPOSE["volumes"])
        assert set(service.get("depends_on", {})) <= set(services)
    build = services["server"]["build"]
    assert (FOLDER / build["context"] / build["dockerfile"]).is_file()
    assert MODULE in (FOLDER / "Dockerfile").read_text(encoding="utf-8")
