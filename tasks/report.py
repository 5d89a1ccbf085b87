"""Step 8 as a task: the run's page, linked from the flow run."""

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from kittidet.steps.publish import PublishedRun
from kittidet.steps.report import report as report_step
from kittidet.store import Store
from tasks.publish import RunResult
from tasks.retrying import BACKOFF, may_pass
from tasks.show import show_link
from tasks.step_result import StepResult


@task(
    name="report",
    task_run_name="report on run {run.path.name}",
    description="One self-contained page beside the run's results; a page that is there is left as it is.",
    # Not cached: it finds the page by itself, and every run shall show the link.
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
    timeout_seconds=3600,
    tags=["kitti", "cpu"],
)
def report(store_dir: Path, run: RunResult, dataset: StepResult) -> Path:
    """Return the page of a published run."""
    published = PublishedRun(run.path, run.summary, cached=run.cached)
    page = report_step(published, dataset.output(Store(store_dir))).page
    show_link("kitti-report", page.as_uri(), str(page), f"Report on run {run.path.name}")
    return page
