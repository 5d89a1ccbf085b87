"""Where the local Prefect lives: the project's folder, its own PREFECT_HOME, and the settings of every process there.

Knows nothing of servers or workers and does not import Prefect, so that settings are made before Prefect reads them.
"""

import json
import os
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kittidet.files import write_json

DISTRIBUTION = "kittidet"
HOME_VARIABLE = "KITTIDET_HOME"
AUTH_VARIABLE = "PREFECT_SERVER_API_AUTH_STRING"
DEFAULT_PORT = 4200
# Log lines have the same limit inside Prefect.
SENT_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Project:
    """The folder that the local server, its workers and their runs belong to.

    Attributes:
        root: absolute; the relative store and run folders of a configuration are inside it.
        password: what clients say to its server, ``NAME:PASSWORD``; None: that of the environment, if any.
    """

    root: Path
    password: str | None = field(default=None, repr=False)

    @property
    def prefect_home(self) -> Path:
        """Prefect's database, profiles and storage."""
        return self.root / ".prefect"

    @property
    def state_dir(self) -> Path:
        """Traces of what ``up`` started: pid files, logs, the server's address."""
        return self.prefect_home / "kittidet"

    def environment(self, api_url: str) -> dict[str, str]:
        """Return the variables that every Prefect process of this project runs with."""
        binaries = str(Path(sys.executable).parent)
        # Whoever starts a server with a password may also use it.
        password = self.password or os.environ.get(AUTH_VARIABLE)
        return {
            **({"PREFECT_API_AUTH_STRING": password} if password else {}),
            "PREFECT_HOME": str(self.prefect_home),
            "PREFECT_API_URL": api_url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            # What is lent to a run with a concurrency limit survives a restart of the server, instead of being lent for
            # ever.
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
            # The newer pages ask an analytics host from the browser whatever the settings say; these ask nobody.
            "PREFECT_SERVER_UI_V2_ENABLED": "false",
            # The library's own log lines; their level is set in tasks/logs.py.
            "PREFECT_LOGGING_EXTRA_LOGGERS": "kittidet,tasks",
            "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
            # Server and workers need no short names, and would log a line about the plugin in each process.
            "PREFECT_PLUGINS_ENABLED": "false",
            # `python` in a worker's command must be this one.
            "PATH": os.pathsep.join([binaries, os.environ.get("PATH", os.defpath)]),
        }


def find_project(start: Path | None = None) -> Project:
    """Return the project: ``KITTIDET_HOME``, else the nearest checkout of kittidet upward, else ``start``.

    Args:
        start: where to look from; None: the current folder.
    """
    named = os.environ.get(HOME_VARIABLE)
    if named:
        return Project(Path(named).absolute())
    here = (start if start is not None else Path.cwd()).absolute()
    return Project(next((folder for folder in (here, *here.parents) if has_short_names(folder)), here))


def has_short_names(folder: Path) -> bool:
    """Return whether Prefect, called in a folder, reads this project's ``prefect.toml``, which turns short names on.

    Another project's ``prefect.toml`` does not count: ours is beside kittidet's ``pyproject.toml``.
    """
    if not (folder / "prefect.toml").is_file():
        return False
    try:
        facts = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
        return bool(facts["project"]["name"] == DISTRIBUTION)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def read_api_url(project: Project) -> str | None:
    """Return the address of the server that was last started here, or None; it may have stopped since."""
    return _of_server(project, "api_url")


def read_profile(project: Project) -> str:
    """Return how that server was started: ``local`` or ``production``."""
    return _of_server(project, "profile") or "local"


def _of_server(project: Project, name: str) -> str | None:
    try:
        value = json.loads((project.state_dir / "server-address.json").read_text(encoding="utf-8"))[name]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return value if isinstance(value, str) else None


def write_api_url(project: Project, api_url: str, profile: str = "local") -> None:
    """Remember the server's address for ``prefect`` commands and later calls in this folder."""
    project.state_dir.mkdir(parents=True, exist_ok=True)
    write_json(project.state_dir / "server-address.json", {"api_url": api_url, "profile": profile})


@contextmanager
def connected(project: Project, api_url: str) -> Iterator[None]:
    """Connect Prefect in this process to a server, with the project's settings; afterwards everything is as before.

    Whatever Prefect still has to send is sent before this ends, so that the server may be stopped then.
    """
    ours = {name: value for name, value in project.environment(api_url).items() if name != "PATH"}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    # Imported here: Prefect reads PREFECT_HOME and the plugin switch when it is first imported.
    from prefect.context import refresh_global_settings_context  # noqa: PLC0415

    refresh_global_settings_context()
    try:
        yield
    finally:
        send_the_rest()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        refresh_global_settings_context()


def send_the_rest() -> None:
    """Send the log lines and events that Prefect's background threads still hold, and end those threads.

    Otherwise they send at process exit; if the server has been stopped by then, they try for about a minute and lose
    the lines.
    """
    from prefect.events.worker import EventsWorker  # noqa: PLC0415  as above
    from prefect.logging.handlers import APILogHandler  # noqa: PLC0415

    APILogHandler().flush()
    EventsWorker.drain_all(timeout=SENT_WITHIN_S)
