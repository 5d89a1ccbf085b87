"""Step 6 as a task: one kept checkpoint on the validation frames."""

from pathlib import Path

from prefect import task

from kittidet.config import EvalConfig
from kittidet.steps.evaluate import evaluate as evaluate_step
from kittidet.steps.evaluate import evaluate_key
from kittidet.store import Store
from tasks.caching import StepCache
from tasks.retrying import BACKOFF, may_pass
from tasks.show import Progress, show_table
from tasks.step_result import StepResult


@task(
    name="evaluate",
    task_run_name="evaluate {checkpoint}",
    description="COCO AP on original-pixel labels, per class by name.",
    cache_policy=StepCache(
        key_of=lambda store, trained, checkpoint, val_records, dataset, split, config: evaluate_key(  # noqa: ARG005
            trained, checkpoint, val_records, config
        )
    ),
    retries=2,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
    timeout_seconds=6 * 3600,
    tags=["kitti", "gpu"],
)
def evaluate(
    store_dir: Path,
    trained: StepResult,
    checkpoint: str,
    val_records: StepResult,
    dataset: StepResult,
    split: StepResult,
    config: EvalConfig,
) -> StepResult:
    """Return the scores of one checkpoint."""
    store = Store(store_dir)
    bar = Progress(f"kitti-evaluation-{checkpoint}", f"Evaluating {checkpoint}")
    output = evaluate_step(
        store,
        trained.output(store),
        checkpoint,
        val_records.output(store),
        dataset.output(store),
        split.output(store),
        config,
        progress=lambda done, total: bar.update(done / max(1, total), f"{done} of {total} frames"),
    )
    metrics = output.summary["metrics"]
    rows = [{"class": "all", "ap": metrics["ap"], "ap50": metrics["ap50"]}]
    rows += [
        {"class": name, "ap": ap, "ap50": metrics["per_class_ap50"][name]}
        for name, ap in metrics["per_class_ap"].items()
    ]
    show_table(f"kitti-ap-{checkpoint}", rows, f"COCO AP of {checkpoint} (epoch {output.summary['epoch']})")
    return StepResult.of(output)
