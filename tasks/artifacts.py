"""How a run fills Prefect's pages: artifacts named after their run, and those of a Cached task shown again.

What is shown is decided in `tasks/show.py` and `tasks/steps.py`. What a step's task showed is kept beside the step's
output and sent as it was when the task is Cached: the page of every run is whole, and nothing is read or drawn for it
again. Outside a run (a task's function called by a test or a script) nothing is sent or kept.
"""

import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import prefect.runtime
from prefect.artifacts import MarkdownArtifact, ProgressArtifact, TableArtifact, update_progress_artifact
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, ArtifactFilterKey
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import PrefectException

from kittidet.eval.score_text import fact_text
from kittidet.files import write_text_atomic
from tasks.absence import asking_once, outlast

log = logging.getLogger(__name__)

SHOWN = "_prefect-shown.json"
# Of a number in a table; AP is given with three or four digits everywhere.
DIGITS = 4

_CLASSES: dict[str, Any] = {"table": TableArtifact, "markdown": MarkdownArtifact, "progress": ProgressArtifact}

_kept: ContextVar[list[dict[str, Any]] | None] = ContextVar("kept", default=None)


def is_in_run() -> bool:
    """Whether a Prefect flow or task run is what calls."""
    return TaskRunContext.get() is not None or FlowRunContext.get() is not None


def show_table(key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    """Show rows of equal keys as a table."""
    _show("table", key, [{name: _rounded(cell) for name, cell in row.items()} for row in rows], description)


def show_facts(key: str, facts: Mapping[str, Any], description: str) -> None:
    """Show name and value pairs as a table of two columns."""
    show_table(key, [{"what": name, "value": fact_text(value)} for name, value in facts.items()], description)


def show_text(key: str, markdown: str, description: str) -> None:
    """Show a page of markdown."""
    _show("markdown", key, markdown, description)


@contextmanager
def kept_shown() -> Iterator[list[dict[str, Any]]]:
    """Yield a list that gathers what is shown in the block, for ``keep_shown``."""
    gathered: list[dict[str, Any]] = []
    token = _kept.set(gathered)
    try:
        yield gathered
    finally:
        _kept.reset(token)


def keep_shown(shown: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Keep what a task showed in the folder of its step's output."""
    if not is_in_run():
        return
    try:
        # The order of a row's keys is that of the table's columns.
        write_text_atomic(folder / SHOWN, json.dumps(list(shown)) + "\n")
    except OSError as error:
        log.warning("artifacts.not_kept file=%s error=%s", folder / SHOWN, error)


def show_again(folder: Path, task_run_id: UUID | None) -> None:
    """Show what was shown when the output in a folder was made, on this run and its Cached task.

    What cannot be read or sent is missing on the page, and the log says so; a run does not end for that.
    """
    try:
        artifacts = json.loads((folder / SHOWN).read_text(encoding="utf-8"))
        own = prefect.runtime.flow_run.get_id()
        # One connection for all: making one takes longer than an artifact.
        with get_client(sync_client=True) as client:
            for artifact in artifacts:
                # Its bar may be there from when it was made on the way of this run, by another that this one started.
                if artifact["kind"] == "progress" and _bar_of(client, own, artifact["key"]):
                    continue
                outlast(partial(_send, client, task_run_id, **artifact))
    except (OSError, ValueError, TypeError, KeyError, httpx.HTTPError, PrefectException) as error:
        log.warning("artifacts.not_shown_again folder=%s error=%r", folder, error)


class ProgressBar:
    """A progress bar in Prefect's pages: on its run's, and on that of the run which a person started, if it is another.

    Args:
        key: the artifact's key.
        description: what goes forward.
    """

    def __init__(self, key: str, description: str) -> None:
        self._shown: dict[str, Any] = {}
        own = _show("progress", key, 0.0, description, shown=self._shown)
        first = outlast(lambda: _show_on_first_run("progress", key, 0.0, description)) if own else None
        self._ids = [bar for bar in (own, first) if bar]
        # Made once: making it takes longer than an update.
        self._asking_once = asking_once()

    def update(self, share: float, description: str) -> None:
        """Show how far it is, 0..1, and a line about it."""
        percent = 100.0 * min(1.0, max(0.0, share))
        self._shown.update(data=percent, description=description)
        for bar in self._ids:
            try:
                # Each update would hold up the work for a minute while the server is away; the next says more anyway.
                with self._asking_once:
                    update_progress_artifact(bar, progress=percent, description=_titled(description))
            except (httpx.HTTPError, PrefectException) as error:
                # Hours of training must not end because the server was away for the length of one update.
                log.warning("progress.not_shown error=%r", error)


class FileBar:
    """One progress bar over whatever file is being fetched, shown from its first byte on and at each whole percent.

    Args:
        key: the artifact's key.
        description: what goes forward.
    """

    def __init__(self, key: str, description: str) -> None:
        self._names = (key, description)
        self._bar: ProgressBar | None = None
        self._shown = ("", -1)

    def __call__(self, name: str, done: int, total: int | None) -> None:
        """Show how much of a file is there; one whose size is not known is not shown."""
        if not total or (name, 100 * done // total) == self._shown:
            return
        self._shown = (name, 100 * done // total)
        if self._bar is None:
            self._bar = ProgressBar(*self._names)
        self._bar.update(done / total, f"{name}: {done:,} of {total:,}")


def _show(kind: str, key: str, data: Any, description: str, *, shown: dict[str, Any] | None = None) -> UUID | None:
    """Return the id of a new artifact, or None outside a run; ``shown`` becomes what is kept of it."""
    if not is_in_run():
        return None
    shown = {} if shown is None else shown
    shown.update(kind=kind, key=key, data=data, description=description)
    if (gathered := _kept.get()) is not None:
        gathered.append(shown)
    with get_client(sync_client=True) as client:
        return outlast(partial(_send, client, prefect.runtime.task_run.get_id(), **shown))


def _show_on_first_run(kind: str, key: str, data: Any, description: str) -> UUID | None:
    """Return the id of an artifact on the run that, through others, started this one; None without such a run.

    One of its key that is there, such as that of a run that was killed and goes on, is taken.
    """
    own, first = prefect.runtime.flow_run.get_id(), prefect.runtime.flow_run.get_root_flow_run_id()
    if str(own) == str(first):
        return None
    with get_client(sync_client=True) as client:
        if (bar := _bar_of(client, first, key)) is not None:
            return bar
        return _send(client, None, kind=kind, key=key, data=data, description=description, flow_run_id=first)


def _bar_of(client: SyncPrefectClient, flow_run_id: UUID | str | None, key: str) -> UUID | None:
    """Return the id of a run's artifact of a key, if it has one."""
    if flow_run_id is None:
        return None
    of_run = ArtifactFilterFlowRunId(any_=[UUID(str(flow_run_id))])
    same = ArtifactFilter(flow_run_id=of_run, key=ArtifactFilterKey(any_=[key]))
    found = client.read_artifacts(artifact_filter=same, limit=1)
    return found[0].id if found else None


def _send(
    client: SyncPrefectClient,
    task_run_id: UUID | str | None,
    *,
    kind: str,
    key: str,
    data: Any,
    description: str,
    flow_run_id: UUID | str | None = None,
) -> UUID:
    content = _CLASSES[kind](**{kind: data}).format()  # the classes' own parameter for it
    request = ArtifactCreate(
        type=kind,
        key=key,
        data=content,
        description=_titled(description),
        task_run_id=task_run_id,
        flow_run_id=flow_run_id or prefect.runtime.flow_run.get_id(),
    )
    return client.create_artifact(request).id


def _titled(description: str) -> str:
    """Return a description that tells artifacts of one key apart where they stand below each other: by their run."""
    name = prefect.runtime.flow_run.get_name()
    return f"{description} ({name})" if name else description


def _rounded(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    # JSON has no number for it.
    return round(value, DIGITS) if math.isfinite(value) else None
