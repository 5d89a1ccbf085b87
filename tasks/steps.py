"""The eight steps of the pipeline as tasks: one library call each, and what a person sees of it in Prefect's pages."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from prefect import Task
from prefect.cache_policies import NO_CACHE

from kittidet.config import (
    ComputeConfig,
    EvalConfig,
    ModelConfig,
    RecordsConfig,
    RunConfig,
    SourceConfig,
    SplitConfig,
    TrainConfig,
    ValidateConfig,
)
from kittidet.config_types import StorePlace
from kittidet.errors import DatasetContractError
from kittidet.progress import time_left
from kittidet.steps.cluster import HERE
from kittidet.steps.evaluate import evaluate as evaluate_step
from kittidet.steps.evaluate import evaluate_key
from kittidet.steps.fetch import fetch as fetch_step
from kittidet.steps.fetch import fetch_key
from kittidet.steps.outputs import DataOutputs, PipelineOutputs
from kittidet.steps.publish import PublishedRun
from kittidet.steps.publish import publish as publish_step
from kittidet.steps.records import records_key, write
from kittidet.steps.report import report as report_step
from kittidet.steps.split import Side, split_key
from kittidet.steps.split import split as split_step
from kittidet.steps.train import train as train_step
from kittidet.steps.train import train_key
from kittidet.steps.validate import check_output, validate_key
from kittidet.steps.validate import validate as validate_step
from kittidet.store import StepKey, StepOutput, Store
from kittidet.training.history import EpochReport
from tasks.absence import ServedTask
from tasks.artifacts import FileBar, ProgressBar, keep_shown, kept_shown, show_facts, show_table, show_text
from tasks.caching import StepCache
from tasks.retrying import BACKOFF, may_pass
from tasks.show import (
    image_markdown,
    label_gallery,
    prediction_gallery,
    report_page,
    run_page,
    show_findings,
    show_scores,
)

P = ParamSpec("P")
R = TypeVar("R")

HOUR_S = 3600


def as_task(
    *,
    name: str,
    run_name: str,
    description: str,
    timeout_s: float,
    tags: tuple[str, ...],
    key: Callable[..., StepKey | None] | None = None,
    retries: int = 2,
) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Return the decorator that makes a function a task of this project.

    Args:
        name: of the task.
        run_name: of its runs; the task's parameters may stand in braces.
        description: for Prefect's pages.
        timeout_s: after which it has failed.
        tags: besides ``kitti``.
        key: the step's key function (see ``StepCache``); None: it runs each time.
        retries: how often it is tried again after trouble that may pass.
    """

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        @functools.wraps(function)
        def step(*args: P.args, **kwargs: P.kwargs) -> R:
            with kept_shown() as shown:
                output = function(*args, **kwargs)
            if isinstance(output, StepOutput):
                store_dir = inspect.signature(function).bind(*args, **kwargs).arguments["store_dir"]
                keep_shown(shown, Store(store_dir).path(output))
            return output

        return ServedTask(
            step,
            name=name,
            task_run_name=run_name,
            description=description,
            cache_policy=NO_CACHE if key is None else StepCache(key_of=key),
            retries=retries,
            retry_delay_seconds=BACKOFF,
            retry_jitter_factor=0.5,
            retry_condition_fn=may_pass,
            timeout_seconds=timeout_s,
            tags=["kitti", *tags],
        )

    return decorate


@as_task(
    name="fetch",
    run_name="fetch {source.kind} data",
    description="The KITTI tree: official archives, a local folder, or synthetic data.",
    timeout_s=24 * HOUR_S,
    tags=("network",),
    key=fetch_key,
    # The library resumes within one try; these are for a server or mount that is away for minutes.
    retries=4,
)
def fetch(store_dir: StorePlace, source: SourceConfig) -> StepOutput:
    """Return the data set, downloaded, recognised or rendered."""
    output = fetch_step(Store(store_dir), source, progress=FileBar("kitti-fetch-progress", "Fetching"))
    show_facts("kitti-data", output.summary, "The data set")
    return output


def findings_key(store: Store, dataset: StepOutput, config: ValidateConfig, records: RecordsConfig) -> StepKey | None:
    """Return the key of a validation, or None where it holds too many findings for a run to go on.

    How many are too many is no part of what was found, but such findings must stop the run again.
    """
    key = validate_key(dataset, config, records)
    found = store.load(key)
    try:
        return key if found is None or check_output(store, found, config) else None
    except DatasetContractError:
        return None


@as_task(
    name="validate",
    run_name="validate the data contract",
    description="Labels, images and pairs against the data contract; bad frames are set aside by name.",
    timeout_s=4 * HOUR_S,
    tags=("cpu",),
    key=findings_key,
)
def validate(
    store_dir: StorePlace,
    dataset: StepOutput,
    config: ValidateConfig,
    records: RecordsConfig,
    compute: ComputeConfig = HERE,
) -> StepOutput:
    """Return the findings; the run stops here where too many frames have any."""
    store = Store(store_dir)
    try:
        return validate_step(store, dataset, config, records, compute)
    finally:
        # Also where the run stops, which is when the findings matter most.
        found = store.load(validate_key(dataset, config, records))
        if found is not None:
            show_findings(found.summary, store.read(found, "findings.csv"))


@as_task(
    name="split",
    run_name="split by {config.method}",
    description="Two lists of frames that share none, with a digest and, where drives are known, the leakage.",
    timeout_s=HOUR_S / 4,
    tags=("cpu",),
    key=split_key,
)
def split(store_dir: StorePlace, dataset: StepOutput, validation: StepOutput, config: SplitConfig) -> StepOutput:
    """Return which accepted frames train and which are scored."""
    output = split_step(Store(store_dir), dataset, validation, config)
    show_facts("kitti-split", output.summary, f"Split by {config.method}")
    return output


@as_task(
    name="write-records",
    run_name="write {side} records",
    description="TFRecord shards with a manifest; they refer to the images, or hold copies; none is decoded.",
    timeout_s=4 * HOUR_S,
    tags=("cpu",),
    key=records_key,
)
def write_records(
    store_dir: StorePlace,
    dataset: StepOutput,
    split: StepOutput,
    side: Side,
    config: RecordsConfig,
    compute: ComputeConfig = HERE,
) -> StepOutput:
    """Return one side of the split as sharded TFRecords."""
    store = Store(store_dir)
    output = write(store, dataset, split, side, config, compute)
    show_facts(f"kitti-records-{side}", output.summary, f"The {side} records")
    counts = [{"class": c, "objects": output.summary["counts"].get(c, 0)} for c in output.summary["classes"]]
    show_table(f"kitti-classes-{side}", counts, f"Objects per class, {side}")
    gallery = label_gallery(store, dataset, split, side, config.table())
    show_text(f"kitti-labels-{side}", image_markdown(gallery, f"{side} labels"), f"First {side} frames with labels")
    return output


@as_task(
    name="fine-tune",
    run_name="fine-tune {model.variant} for {recipe.epochs} epochs",
    description="Checkpoints by step. A training that died goes on from its last one.",
    timeout_s=7 * 24 * HOUR_S,
    tags=("gpu",),
    key=train_key,
)
def fine_tune(
    store_dir: StorePlace, data: DataOutputs, model: ModelConfig, recipe: TrainConfig, scoring: EvalConfig
) -> StepOutput:
    """Return the kept checkpoints. TensorFlow is loaded when the step runs, in the process that runs it."""
    bar = ProgressBar("kitti-training-progress", f"Fine-tuning {model.variant}")

    def on_epoch(report: EpochReport) -> None:
        scored = "" if report.val_ap is None else f", AP {report.val_ap:.3f}"
        left = time_left((recipe.epochs - report.epoch) * (report.seconds + report.score_seconds))
        # A card in the pages shows the beginning alone.
        line = f"epoch {report.epoch} of {recipe.epochs}{scored}{left}, loss {report.loss:.4f}"
        bar.update(report.epoch / recipe.epochs, line)

    output = train_step(Store(store_dir), data, model, recipe, scoring, on_epoch=on_epoch)
    bar.update(1.0, f"{recipe.epochs} epochs done")
    kept = [f"{c['name']} (epoch {c['epoch']})" for c in output.summary["checkpoints"]]
    show_facts("kitti-training", {**output.summary, "checkpoints": kept}, "The training")
    return output


@as_task(
    name="evaluate",
    run_name="evaluate {checkpoint}",
    description="COCO AP on original-pixel labels, per class by name.",
    timeout_s=6 * HOUR_S,
    tags=("gpu",),
    key=evaluate_key,
)
def evaluate(
    store_dir: StorePlace,
    trained: StepOutput,
    checkpoint: str,
    data: DataOutputs,
    config: EvalConfig,
    compute: ComputeConfig = HERE,
) -> StepOutput:
    """Return the scores of one kept checkpoint on the validation frames."""
    bar = ProgressBar(f"kitti-evaluation-{checkpoint}", f"Evaluating {checkpoint}")

    def on_frames(done: int, total: int) -> None:
        bar.update(done / max(1, total), f"{done} of {total} frames")

    output = evaluate_step(Store(store_dir), trained, checkpoint, data, config, compute, progress=on_frames)
    title = f"COCO AP of {checkpoint} (epoch {output.summary['epoch']})"
    show_scores(f"kitti-ap-{checkpoint}", output.summary["metrics"], title)
    return output


# The last two find by themselves what is there, and every run's page shall show its result: they are not cached.
@as_task(
    name="publish",
    run_name="publish run {config.name}",
    description="The checkpoint with the best AP, its scores and records as runs/NAME, which is never written over.",
    timeout_s=HOUR_S,
    tags=("cpu",),
)
def publish(store_dir: StorePlace, outputs: PipelineOutputs, config: RunConfig) -> PublishedRun:
    """Return the run's folder and summary."""
    store = Store(store_dir)
    run = publish_step(store, outputs, config)
    show_table("kitti-ap-by-checkpoint", run.summary["checkpoints"], "COCO AP of every kept checkpoint")
    gallery = prediction_gallery(
        store, outputs.dataset, outputs.split, run.path / "predictions.json", config.records.table()
    )
    image = image_markdown(gallery, "labels dashed, detections solid")
    show_text("kitti-predictions", image, f"Validation frames, step {run.summary['best_step']}")
    show_text("kitti-run", run_page(run.path, run.summary), f"Run {config.name}")
    return run


@as_task(
    name="report",
    run_name="report on run {run.path.name}",
    description="One self-contained page beside the run's results; a page that is there is left as it is.",
    timeout_s=HOUR_S,
    tags=("cpu",),
)
def report(store_dir: StorePlace, run: PublishedRun, dataset: StepOutput) -> Path:
    """Return the page of a published run."""
    page = report_step(Store(store_dir), run, dataset).page
    show_text("kitti-report", report_page(page), f"Report on run {run.path.name}")
    return page
