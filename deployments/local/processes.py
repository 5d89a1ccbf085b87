"""Background processes with a pid file and a log: started once, found again later, and stopped only if they are ours.

A pid alone proves nothing, because it may be reused after a crash or a reboot; the file therefore also records when
the process started.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from kittidet.errors import KittidetError
from kittidet.files import write_json

TERM_GRACE_S = 20.0
KILL_GRACE_S = 5.0
POLL_S = 0.1
LOG_TAIL_LINES = 20


class ProcessError(KittidetError):
    """A background process failed to start or cannot be stopped."""


@dataclass(frozen=True, slots=True)
class Background:
    """One named background process of a project.

    Attributes:
        name: what it is called in messages and files, e.g. ``worker-gpu``.
        folder: where its pid file and log are.
    """

    name: str
    folder: Path

    @property
    def pid_path(self) -> Path:
        """The file that records which process it is."""
        return self.folder / f"{self.name}.pid.json"

    @property
    def log_path(self) -> Path:
        """Its output."""
        return self.folder / f"{self.name}.log"

    def pid(self) -> int | None:
        """Return the process id if the process is still running, else None."""
        try:
            facts = json.loads(self.pid_path.read_text(encoding="utf-8"))
            pid, born = int(facts["pid"]), str(facts["born"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return pid if birth_of(pid) == born else None

    def start(self, command: Sequence[str], *, environment: Mapping[str, str | None], cwd: Path) -> int:
        """Return the process id after starting the command in a session of its own, detached from this terminal.

        Args:
            command: program and arguments.
            environment: variables beside this process's own; None takes one of those away.
            cwd: the folder it starts in.

        Raises:
            ProcessError: if the command cannot be run or exits at once.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with self.log_path.open("ab") as log:
                started = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=cwd,
                    env={name: v for name, v in {**os.environ, **environment}.items() if v is not None},
                    start_new_session=True,
                )
        except OSError as error:
            raise ProcessError(f"{self.name}: cannot run {command[0]}: {error}.") from error
        born = birth_of(started.pid)
        if born is None:
            raise ProcessError(f"{self.name}: exited at once.\n{self.log_tail()}")
        write_json(self.pid_path, {"pid": started.pid, "born": born})
        # The process outlives this one on purpose; without this Python warns of an unwaited child.
        started.returncode = 0
        return started.pid

    def stop(self) -> bool:
        """Stop the process and its children, gracefully at first; return whether there was one.

        Raises:
            ProcessError: if it keeps running.
        """
        pid = self.pid()
        if pid is None:
            self.pid_path.unlink(missing_ok=True)
            return False
        # It has its own session, so the group is exactly this process and its children.
        for number, patience in ((signal.SIGTERM, TERM_GRACE_S), (signal.SIGKILL, KILL_GRACE_S)):
            try:
                os.killpg(pid, number)
            except ProcessLookupError:
                break
            if _wait_until_gone(pid, patience):
                break
        else:
            raise ProcessError(f"{self.name}: process group {pid} does not exit. Stop it by hand: kill -9 -{pid}")
        self.pid_path.unlink(missing_ok=True)
        return True

    def log_tail(self) -> str:
        """Return the last lines of its output."""
        if not self.log_path.is_file():
            return ""
        return "\n".join(self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:])


def birth_of(pid: int) -> str | None:
    """Return when a process started, as text that no later process with this id can share; None if it has exited."""
    _reap(pid)
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        # Counted from the start of the machine, so that setting its clock gives no process another birth.
        return f"{process.create_time() - psutil.boot_time():.2f}"
    except psutil.NoSuchProcess:
        return None


def _reap(pid: int) -> None:
    """Collect the exit status of a child of this process that has exited, so that it does not remain a zombie."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except (ChildProcessError, PermissionError):
        return


def _wait_until_gone(group: int, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        _reap(group)
        try:
            os.killpg(group, 0)
        except (ProcessLookupError, PermissionError):
            return True
        time.sleep(POLL_S)
    return False
