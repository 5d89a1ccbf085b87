"""Step 3 as a task: which accepted frames train and which are scored."""

from pathlib import Path

from prefect import task

from kittidet.config import SplitConfig
from kittidet.steps.split import split as split_step
from kittidet.steps.split import split_key
from kittidet.store import Store
from tasks.caching import StepCache
from tasks.retrying import BACKOFF, may_pass
from tasks.show import show_facts
from tasks.step_result import StepResult


@task(
    name="split",
    task_run_name="split by {config.method}",
    description="Two lists of frames that share none, with a digest and, where drives are known, the leakage.",
    cache_policy=StepCache(
        key_of=lambda store, dataset, validation, config: split_key(dataset, validation, config)  # noqa: ARG005
    ),
    retries=2,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
    timeout_seconds=900,
    tags=["kitti", "cpu"],
)
def split(store_dir: Path, dataset: StepResult, validation: StepResult, config: SplitConfig) -> StepResult:
    """Return the split."""
    store = Store(store_dir)
    output = split_step(store, dataset.output(store), validation.output(store), config)
    show_facts("kitti-split", output.summary, f"Split by {config.method}")
    return StepResult.of(output)
