"""Step 1 as a task: the data set, downloaded, recognised or drawn."""

import logging
from pathlib import Path

from prefect import task

from kittidet.config import SourceConfig
from kittidet.steps.fetch import fetch as fetch_step
from kittidet.steps.fetch import fetch_key
from kittidet.store import Store
from tasks.caching import StepCache
from tasks.retrying import BACKOFF, may_pass
from tasks.show import Progress, show_facts
from tasks.step_result import StepResult

log = logging.getLogger(__name__)


@task(
    name="fetch",
    task_run_name="fetch {source.kind} data",
    description="The KITTI tree: official archives, a local folder, or a drawn set.",
    cache_policy=StepCache(key_of=fetch_key),
    # The library resumes within one try; these are for a server or mount that is away for minutes.
    retries=4,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
    timeout_seconds=24 * 3600,
    tags=["kitti", "network"],
)
def fetch(store_dir: Path, source: SourceConfig) -> StepResult:
    """Return the data set."""
    output = fetch_step(Store(store_dir), source, progress=_FileProgress())
    show_facts("kitti-data", output.summary, "The data set")
    return StepResult.of(output)


class _FileProgress:
    """One progress artifact over whatever file is being fetched, updated at each whole percent."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._shown = ("", -1)

    def __call__(self, name: str, done: int, total: int | None) -> None:
        if not total:
            return
        percent = 100 * done // total
        if (name, percent) == self._shown:
            return
        self._shown = (name, percent)
        if self._bar is None:
            self._bar = Progress("kitti-fetch-progress", "Fetching")
        self._bar.update(done / total, f"{name}: {done:,} of {total:,}")
