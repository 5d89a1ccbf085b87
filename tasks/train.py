"""Step 5 as a task: the fine-tune. The library loads TensorFlow when the step runs, in the process that runs it."""

from pathlib import Path
from typing import TYPE_CHECKING

from prefect import task

from kittidet.config import ModelConfig, TrainConfig
from kittidet.steps.train import train as train_step
from kittidet.steps.train import train_key
from kittidet.store import Store
from tasks.caching import StepCache
from tasks.retrying import BACKOFF, may_pass
from tasks.show import Progress, show_facts
from tasks.step_result import StepResult

if TYPE_CHECKING:
    from kittidet.training.history import EpochReport


@task(
    name="fine-tune",
    task_run_name="fine-tune {model.variant} for {recipe.epochs} epochs",
    description="Checkpoints by step. A training that died goes on from its last one.",
    cache_policy=StepCache(
        key_of=lambda store, records, model, recipe: train_key(records, model, recipe)  # noqa: ARG005
    ),
    retries=2,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
    timeout_seconds=7 * 24 * 3600,
    tags=["kitti", "gpu"],
)
def fine_tune(store_dir: Path, records: StepResult, model: ModelConfig, recipe: TrainConfig) -> StepResult:
    """Return the kept checkpoints."""
    store = Store(store_dir)
    bar = Progress("kitti-training-progress", f"Fine-tuning {model.variant}")

    def on_epoch(report: "EpochReport") -> None:
        bar.update(report.epoch / recipe.epochs, f"epoch {report.epoch} of {recipe.epochs}, loss {report.loss:.4f}")

    output = train_step(store, records.output(store), model, recipe, on_epoch=on_epoch)
    bar.update(1.0, f"{recipe.epochs} epochs done")
    kept = [f"{c['name']} (epoch {c['epoch']})" for c in output.summary["checkpoints"]]
    show_facts("kitti-training", {**output.summary, "checkpoints": kept}, "The training")
    return StepResult.of(output)
