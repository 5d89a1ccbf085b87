"""How often SQLite refuses the server's writes while three runs at once do many short tasks, by either start.

Starts a server of its own twice, by Prefect's command and by `deployments.local.serve`, and counts "database is locked"
in its log, the requests that clients repeated, and the artifacts that a repeated request left twice.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from deployments.local import server as local
from deployments.local.server import ensure_server, server_process
from deployments.project import Project, connected

TASKS = 40
RUNS = 3

FLOW = f"""
import sys
from prefect import flow, task
from prefect.artifacts import create_table_artifact

@task
def step(number):
    create_table_artifact([{{"number": number}}], key="bench-step", description=f"{{sys.argv[1]}} {{number}}")

@flow(name="bench")
def bench():
    for number in range({TASKS}):
        step(number)

bench()
"""


def measure(command: str, rounds: int) -> str:
    """Return what three runs at once met on a server that one of two modules starts."""
    root = Path(tempfile.mkdtemp(prefix="bench-server-"))
    project = Project(root)
    script = root / "flow.py"
    script.write_text(FLOW)
    os.environ["PREFECT_UI_ENABLED"] = "false"
    # Otherwise it hides these errors, and only clients notice.
    os.environ["PREFECT_SERVER_LOG_RETRYABLE_ERRORS"] = "true"
    local.PREFECT = command
    failed = 0
    try:
        server = ensure_server(project, port=None, host="127.0.0.1")
        started = time.monotonic()
        for turn in range(rounds):
            environment = {**os.environ, **project.environment(server.api_url)}
            runs = [
                subprocess.Popen(
                    [sys.executable, str(script), f"{turn}-{number}"],
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                for number in range(RUNS)
            ]
            failed += sum(run.wait() != 0 for run in runs)
        seconds = time.monotonic() - started
        with connected(project, server.api_url):
            from prefect.client.orchestration import get_client  # noqa: PLC0415  with the project's settings

            sent: Counter[str] = Counter()
            with get_client(sync_client=True) as client:
                while page := client.read_artifacts(limit=200, offset=sum(sent.values())):
                    sent.update(artifact.description for artifact in page)
        log = server_process(project).log_path.read_text(encoding="utf-8", errors="replace")
        # The error and what caused it name the same refusal in one traceback.
        refused = log.count("sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) database is locked")
        twice = sum(count - 1 for count in sent.values())
        missing = RUNS * TASKS * rounds - len(sent)
        return (
            f"{refused} database is locked, {twice} artifacts twice, {missing} missing, {failed} runs failed, "
            f"{seconds / rounds:.1f} s a round"
        )
    finally:
        server_process(project).stop()
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    for module in ("prefect", "deployments.local.serve"):
        print(f"{module}: {RUNS} runs x {TASKS} tasks, {arguments.rounds} rounds: {measure(module, arguments.rounds)}")
