"""Step 4 as a task: one side of the split as sharded TFRecords."""

from pathlib import Path

from prefect import task

from kittidet.config import RecordsConfig
from kittidet.steps.records import records_key, write
from kittidet.steps.split import Side
from kittidet.store import Store
from tasks.caching import StepCache
from tasks.gallery import label_gallery
from tasks.retrying import BACKOFF, may_pass
from tasks.show import picture_markdown, show_facts, show_table, show_text
from tasks.step_result import StepResult


@task(
    name="write-records",
    task_run_name="write {side} records",
    description="TFRecord shards with a manifest; PNG bytes are copied, not decoded.",
    cache_policy=StepCache(
        key_of=lambda store, dataset, split, side, config: records_key(dataset, split, side, config)  # noqa: ARG005
    ),
    retries=2,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
    timeout_seconds=4 * 3600,
    tags=["kitti", "cpu"],
)
def write_records(
    store_dir: Path, dataset: StepResult, split: StepResult, side: Side, config: RecordsConfig
) -> StepResult:
    """Return the records of one side."""
    store = Store(store_dir)
    data, parts = dataset.output(store), split.output(store)
    output = write(store, data, parts, side, config)
    counts = output.summary["counts"]
    show_facts(f"kitti-records-{side}", output.summary, f"The {side} records")
    show_table(
        f"kitti-classes-{side}",
        [{"class": name, "objects": counts.get(name, 0)} for name in output.summary["classes"]],
        f"Objects per class, {side}",
    )
    gallery = label_gallery(data, parts, side, config.table())
    show_text(f"kitti-labels-{side}", picture_markdown(gallery, f"{side} labels"), f"First {side} frames with labels")
    return StepResult.of(output)
