"""Verbs of the pipeline: each runs its step and, where the store lacks them, the steps before it."""

from typing import Any

from rich.console import Console
from rich.markup import escape

from kittidet.cli.options import ConfigFile, DataDir, Overrides, Preset, resolve_config
from kittidet.cli.tables import print_facts, print_scores
from kittidet.presets import DEFAULT_PRESET
from kittidet.progress import file_progress


def fetch(
    overrides: Overrides = None, config: ConfigFile = None, preset: Preset = DEFAULT_PRESET, data: DataDir = None
) -> None:
    """Download, unpack or draw the data set, and verify it."""
    from kittidet.steps.fetch import fetch as fetch_step

    resolved = resolve_config(preset, config, data, overrides)
    store = _store(resolved)
    with file_progress() as progress:
        output = fetch_step(store, resolved.source, progress=progress)
    print_facts("data set", store, output)


def validate(
    overrides: Overrides = None, config: ConfigFile = None, preset: Preset = DEFAULT_PRESET, data: DataDir = None
) -> None:
    """Check every label and image against the data contract; list every finding."""
    from kittidet.steps.fetch import fetch as fetch_step
    from kittidet.steps.validate import validate as validate_step

    resolved = resolve_config(preset, config, data, overrides)
    store = _store(resolved)
    with file_progress() as progress:
        dataset = fetch_step(store, resolved.source, progress=progress)
    print_facts("validation", store, validate_step(store, dataset, resolved.validation, resolved.records))


def split(
    overrides: Overrides = None, config: ConfigFile = None, preset: Preset = DEFAULT_PRESET, data: DataDir = None
) -> None:
    """Divide the accepted frames into train and val; print the leakage between them."""
    from kittidet.steps.pipeline import prepare

    resolved = resolve_config(preset, config, data, overrides)
    store = _store(resolved)
    with file_progress() as progress:
        _, _, output = prepare(store, resolved, progress=progress)
    print_facts("split", store, output)


def records(
    overrides: Overrides = None, config: ConfigFile = None, preset: Preset = DEFAULT_PRESET, data: DataDir = None
) -> None:
    """Write both sides of the split as sharded TFRecords."""
    from kittidet.steps.pipeline import prepare
    from kittidet.steps.records import write

    resolved = resolve_config(preset, config, data, overrides)
    store = _store(resolved)
    with file_progress() as progress:
        dataset, _, parts = prepare(store, resolved, progress=progress)
    for side in ("train", "val"):
        print_facts(f"{side} records", store, write(store, dataset, parts, side, resolved.records))


def train(
    overrides: Overrides = None, config: ConfigFile = None, preset: Preset = DEFAULT_PRESET, data: DataDir = None
) -> None:
    """Fine-tune; goes on from the last saved epoch if an earlier try was stopped."""
    from kittidet.steps.pipeline import train_on_records

    resolved = resolve_config(preset, config, data, overrides)
    store = _store(resolved)
    with file_progress() as progress:
        outputs = train_on_records(store, resolved, progress=progress)
    print_facts("training", store, outputs.trained)


def evaluate(
    overrides: Overrides = None, config: ConfigFile = None, preset: Preset = DEFAULT_PRESET, data: DataDir = None
) -> None:
    """Score every kept checkpoint on the validation labels, without publishing a run."""
    from kittidet.steps.pipeline import evaluate_all, train_on_records
    from kittidet.steps.publish import pick_best, summarise

    resolved = resolve_config(preset, config, data, overrides)
    store = _store(resolved)
    with file_progress() as progress:
        outputs = train_on_records(store, resolved, progress=progress)
    outputs = evaluate_all(store, resolved, outputs)
    print_scores(summarise(resolved, outputs, pick_best(outputs.evaluations)))


def run(
    overrides: Overrides = None, config: ConfigFile = None, preset: Preset = DEFAULT_PRESET, data: DataDir = None
) -> None:
    """Do every step, from the data to a published run with its report, without Prefect."""
    from kittidet.steps.pipeline import run_pipeline
    from kittidet.steps.report import page_of

    resolved = resolve_config(preset, config, data, overrides)
    with file_progress() as progress:
        published = run_pipeline(resolved, progress=progress)
    print_scores(published.summary)
    console = Console()
    console.print(f"Results saved to [bold]{escape(str(published.path))}[/bold]", soft_wrap=True)
    console.print(f"Report:          {escape(str(page_of(published.path)))}", soft_wrap=True)


def _store(resolved: Any) -> Any:
    from kittidet.store import Store

    return Store(resolved.store_dir)
