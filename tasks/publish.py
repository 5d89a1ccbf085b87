"""Step 7 as a task: the checkpoint with the best AP becomes a run folder, and the run's page gets its summary."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict

from kittidet.config import RunConfig
from kittidet.steps.publish import PipelineOutputs
from kittidet.steps.publish import publish as publish_step
from kittidet.store import Store
from tasks.gallery import prediction_gallery
from tasks.retrying import BACKOFF, may_pass
from tasks.show import picture_markdown, show_link, show_table, show_text
from tasks.step_result import StepResult


class RunResult(BaseModel):
    """A published run: where it is, what is in its ``summary.json``, and whether it was already there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    summary: dict[str, Any]
    cached: bool


class StepResults(BaseModel):
    """The results a run is published from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: StepResult
    validation: StepResult
    split: StepResult
    train_records: StepResult
    val_records: StepResult
    trained: StepResult
    evaluations: tuple[StepResult, ...]

    def outputs(self, store: Store) -> PipelineOutputs:
        """Return the step outputs in a store that these results stand for."""
        return PipelineOutputs(
            self.dataset.output(store),
            self.validation.output(store),
            self.split.output(store),
            self.train_records.output(store),
            self.val_records.output(store),
            self.trained.output(store),
            tuple(result.output(store) for result in self.evaluations),
        )


@task(
    name="publish",
    task_run_name="publish run {config.name}",
    description="The checkpoint with the best AP, its scores and records as runs/NAME, which is never written over.",
    # Not cached: it finds the folder of an equal run by itself, and every run's page shall show its result.
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
    timeout_seconds=3600,
    tags=["kitti", "cpu"],
)
def publish(store_dir: Path, config: RunConfig, results: StepResults) -> RunResult:
    """Return the run's folder and summary."""
    outputs = results.outputs(Store(store_dir))
    run = publish_step(config, outputs)
    show_table("kitti-ap-by-checkpoint", run.summary["checkpoints"], "COCO AP of every kept checkpoint")
    show_link("kitti-run-folder", run.path.as_uri(), str(run.path), "The published run")
    gallery = prediction_gallery(outputs.dataset, outputs.split, run.path / "predictions.json", config.records.table())
    picture = picture_markdown(gallery, "labels dashed, detections solid")
    show_text("kitti-predictions", picture, f"Validation frames, step {run.summary['best_step']}")
    show_text("kitti-run", run_page(run.path, run.summary), f"Run {config.name}")
    return RunResult(path=run.path, summary=run.summary, cached=run.cached)


def run_page(path: Path, summary: Mapping[str, Any]) -> str:
    """Return a run's summary as markdown: AP of the picked checkpoint, per class, and what it stands on."""
    digests = "".join(f"| {name} | `{digest[:16]}` |\n" for name, digest in summary["digests"].items())
    classes = [
        (name, ap, summary["per_class_ap50"][name], summary["counts"]["val"].get(name, 0))
        for name, ap in summary["per_class_ap"].items()
    ]
    return (
        f"# AP {_score(summary['ap'])} at step {summary['best_step']} (epoch {summary['best_epoch']})\n\n"
        f"AP50 {_score(summary['ap50'])}, AP75 {_score(summary['ap75'])}; "
        f"{summary['n_train']} frames trained on, {summary['n_val']} scored, {summary['n_set_aside']} set aside.\n\n"
        f"Folder: `{path}`\n\n"
        "| class | AP | AP50 | objects in val |\n|---|---:|---:|---:|\n"
        + _rows(classes)
        + "\n| made from | digest |\n|---|---|\n"
        + digests
    )


def _rows(classes: Sequence[tuple[str, float | None, float | None, int]]) -> str:
    return "".join(f"| {name} | {_score(ap)} | {_score(ap50)} | {n} |\n" for name, ap, ap50, n in classes)


def _score(value: float | None) -> str:
    return "no ground truth" if value is None else f"{value:.3f}"
