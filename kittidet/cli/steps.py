"""Verbs of the pipeline: each runs its step and, where the store lacks them, the steps before it."""

import inspect
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from kittidet.cli.log_output import log_to_file
from kittidet.cli.options import ConfigFile, DataDir, Extend, Like, Overrides, Preset, resolve_config
from kittidet.cli.summary import print_header, print_next_steps
from kittidet.cli.tables import print_facts, print_model_scores, print_scores
from kittidet.presets import DEFAULT_PRESET
from kittidet.progress import FileProgress, file_progress

if TYPE_CHECKING:
    from kittidet.config import RunConfig
    from kittidet.store import Store

EvaluatedModel = Annotated[
    Path | None,
    typer.Option("--model", "-m", help="Score this run, checkpoint or exported model on the validation frames."),
]
_TRAINING_VERBS = ("train", "evaluate", "run")
# Does the work of a verb and returns what prints its result, called once the progress bars are gone.
Work = Callable[["Store", "RunConfig", FileProgress], Callable[[], None]]


def pipeline_verb(work: Work) -> Callable[..., None]:
    """Return the verb that does ``work`` on the configuration it is given; name and help are those of ``work``."""

    def verb(
        overrides: Overrides = None,
        config: ConfigFile = None,
        preset: Preset = DEFAULT_PRESET,
        data: DataDir = None,
        extend: Extend = 0,
    ) -> None:
        from kittidet.store import Store

        resolved = resolve_config(preset, config, data, overrides)
        if extend:
            resolved = resolved.model_copy(update={"train": resolved.train.extended(extend)})
        store = Store(resolved.store_dir)
        with log_to_file(store.root, work.__name__) as log_path:
            print_header(work.__name__, resolved, log_path)
            try:
                with file_progress() as progress:
                    show = work(store, resolved, progress)
            except KeyboardInterrupt:
                said = "Stopped. What is finished is kept: the same command goes on from there."
                Console(stderr=True).print(said, soft_wrap=True)
                raise
        show()

    verb.__name__, verb.__doc__ = work.__name__, work.__doc__
    if work.__name__ not in _TRAINING_VERBS:
        signature = inspect.signature(verb)
        kept = [parameter for name, parameter in signature.parameters.items() if name != "extend"]
        verb.__dict__["__signature__"] = signature.replace(parameters=kept)
    return verb


@pipeline_verb
def fetch(store: Any, config: Any, progress: FileProgress) -> Callable[[], None]:
    """Download, unpack or render the data set, and verify it."""
    from kittidet.steps.fetch import fetch as fetch_step

    output = fetch_step(store, config.source, progress=progress)
    return lambda: print_facts("data set", store, output)


@pipeline_verb
def validate(store: Any, config: Any, progress: FileProgress) -> Callable[[], None]:
    """Check every label and image against the data contract; list every finding."""
    from kittidet.steps.fetch import fetch as fetch_step
    from kittidet.steps.validate import validate as validate_step

    dataset = fetch_step(store, config.source, progress=progress)
    output = validate_step(store, dataset, config.validation, config.records)
    return lambda: print_facts("validation", store, output)


@pipeline_verb
def split(store: Any, config: Any, progress: FileProgress) -> Callable[[], None]:
    """Divide the accepted frames into train and val; print the leakage between them."""
    from kittidet.steps.pipeline import prepare

    output = prepare(store, config, progress=progress)[-1]
    return lambda: print_facts("split", store, output)


@pipeline_verb
def records(store: Any, config: Any, progress: FileProgress) -> Callable[[], None]:
    """Write both sides of the split as sharded TFRecords."""
    from kittidet.steps.pipeline import write_data

    data = write_data(store, config, progress=progress)

    def show() -> None:
        print_facts("train records", store, data.train_records)
        print_facts("val records", store, data.val_records)

    return show


@pipeline_verb
def train(store: Any, config: Any, progress: FileProgress) -> Callable[[], None]:
    """Fine-tune; resumes from the last saved epoch if an earlier attempt was stopped."""
    from kittidet.steps.pipeline import train_on_records

    output = train_on_records(store, config, progress=progress).trained
    return lambda: print_facts("training", store, output)


def evaluate(
    overrides: Overrides = None,
    config: ConfigFile = None,
    preset: Preset = DEFAULT_PRESET,
    data: DataDir = None,
    model: EvaluatedModel = None,
    like: Like = None,
    extend: Extend = 0,
) -> None:
    """Score every kept checkpoint on the validation labels, without publishing a run; or one model that is named."""

    def checkpoints(store: Any, config: Any, progress: FileProgress) -> Callable[[], None]:
        from kittidet.steps.pipeline import evaluate_all, train_on_records
        from kittidet.steps.publish import pick_best, summarise

        outputs = evaluate_all(store, config, train_on_records(store, config, progress=progress))
        return lambda: print_scores(summarise(config, outputs, pick_best(outputs.evaluations)))

    def one_model(store: Any, config: Any, progress: FileProgress) -> Callable[[], None]:
        from kittidet.steps.pipeline import write_data
        from kittidet.steps.scoring import score_model

        scores = score_model(
            store, Path(str(model)), like, write_data(store, config, progress=progress), config.evaluation
        )
        return lambda: print_model_scores(str(model), scores)

    work = checkpoints if model is None else one_model
    work.__name__ = "evaluate"
    pipeline_verb(work)(overrides, config, preset, data, extend)


@pipeline_verb
def run(_store: Any, config: Any, progress: FileProgress) -> Callable[[], None]:
    """Do every step, from the data to a published run with its report, without Prefect."""
    from kittidet.steps.pipeline import run_pipeline
    from kittidet.steps.report import page_of

    started = time.perf_counter()
    published = run_pipeline(config, progress=progress)
    seconds = time.perf_counter() - started

    def show() -> None:
        print_scores(published.summary)
        print_next_steps(published.path, published.summary, page_of(published.path), seconds)

    return show


@pipeline_verb
def retrain(_store: Any, config: Any, progress: FileProgress) -> Callable[[], None]:
    """Train again if anything changed, compare with the champion, and promote what is surely better."""
    from kittidet.steps.retrain import retrain as retrain_steps

    outcome = retrain_steps(config, progress=progress)
    return lambda: Console(highlight=False).print(outcome.sentence, soft_wrap=True, markup=False)
