"""The whole pipeline without an orchestrator: the same steps, in the same order, over the same store."""

import logging

from kittidet.config import RunConfig
from kittidet.mirror.place import check_tracking
from kittidet.progress import FileProgress, in_words
from kittidet.report.result import Report
from kittidet.steps.again import with_damage_made_again
from kittidet.steps.evaluate import evaluate
from kittidet.steps.fetch import fetch, fetch_key
from kittidet.steps.mirror import mirror_published
from kittidet.steps.outputs import DataOutputs, PipelineOutputs
from kittidet.steps.publish import PublishedRun, publish
from kittidet.steps.records import records_key, write
from kittidet.steps.report import report
from kittidet.steps.split import split, split_key
from kittidet.steps.train import train, train_key
from kittidet.steps.validate import validate, validate_key
from kittidet.store import StepOutput, Store
from kittidet.training.start import find_initial_weights, has_initial_weights, name_initial_weights

log = logging.getLogger(__name__)


def prepare(
    store: Store, config: RunConfig, *, progress: FileProgress | None = None
) -> tuple[StepOutput, StepOutput, StepOutput]:
    """Return data set, validation and split, making what is not in the store or damaged there.

    Raises:
        KittidetError: from the step that cannot be done.
    """

    def work() -> tuple[StepOutput, StepOutput, StepOutput]:
        dataset = fetch(store, config.source, progress=progress)
        validation = validate(store, dataset, config.validation, config.records, config.compute)
        return dataset, validation, split(store, dataset, validation, config.split)

    return with_damage_made_again(work)


def write_data(store: Store, config: RunConfig, *, progress: FileProgress | None = None) -> DataOutputs:
    """Return every output up to the records of both sides.

    Raises:
        KittidetError: from the step that cannot be done.
    """

    def work() -> DataOutputs:
        dataset, validation, parts = prepare(store, config, progress=progress)
        return DataOutputs(
            dataset=dataset,
            validation=validation,
            split=parts,
            train_records=write(store, dataset, parts, "train", config.records, config.compute),
            val_records=write(store, dataset, parts, "val", config.records, config.compute),
        )

    return with_damage_made_again(work)


def find_start_first(store: Store, config: RunConfig, *, trains_here: bool = True) -> None:
    """Return once the weights that training starts from are here, so that hours of other steps are not for nothing.

    Published ones are fetched, unless the store holds the finished training or another machine trains, which has a
    cache of its own.

    Raises:
        ArchiveError, ConfigError: if they cannot be had.
    """
    name_initial_weights(config.train, config.model)
    if trains_here and not has_initial_weights(config.train, config.model) and not is_trained(store, config):
        find_initial_weights(config.train, config.model)


def is_trained(store: Store, config: RunConfig) -> bool:
    """Return whether the store holds the finished training of a configuration; nothing is made."""
    dataset = store.load(fetch_key(store, config.source))
    if dataset is None:
        return False
    validation = store.load(validate_key(dataset, config.validation, config.records))
    if validation is None:
        return False
    parts = store.load(split_key(store, dataset, validation, config.split))
    if parts is None:
        return False
    train_records = store.load(records_key(dataset, parts, "train", config.records))
    val_records = store.load(records_key(dataset, parts, "val", config.records))
    if train_records is None or val_records is None:
        return False
    data = DataOutputs(
        dataset=dataset, validation=validation, split=parts, train_records=train_records, val_records=val_records
    )
    return store.load(train_key(data, config.model, config.train)) is not None


def train_on_records(store: Store, config: RunConfig, *, progress: FileProgress | None = None) -> PipelineOutputs:
    """Return every output up to the trained checkpoints; ``evaluations`` is empty.

    Raises:
        KittidetError: from the step that cannot be done.
    """

    def work() -> PipelineOutputs:
        find_start_first(store, config)
        data = write_data(store, config, progress=progress)
        trained = train(store, data, config.model, config.train, config.evaluation)
        return PipelineOutputs(**dict(data), trained=trained)

    return with_damage_made_again(work)


def evaluate_all(store: Store, config: RunConfig, outputs: PipelineOutputs) -> PipelineOutputs:
    """Return the outputs with an evaluation of every kept checkpoint.

    Raises:
        KittidetError: from the evaluation that cannot be done.
    """
    given = iter([outputs])

    def work() -> PipelineOutputs:
        # Once they turned out damaged, those that were given are asked for again.
        ready = next(given, None) or train_on_records(store, config)
        evaluations = tuple(
            evaluate(store, ready.trained, checkpoint["name"], ready, config.evaluation, config.compute)
            for checkpoint in ready.trained.summary["checkpoints"]
        )
        return ready.model_copy(update={"evaluations": evaluations})

    return with_damage_made_again(work)


def run_pipeline(config: RunConfig, *, progress: FileProgress | None = None) -> PublishedRun:
    """Return the published run of a configuration, with its report, doing only what its store does not hold.

    Raises:
        KittidetError: from the step that cannot be done.
    """
    store = Store(config.store_dir)
    check_tracking(config.tracking, store.place)

    def work() -> tuple[PublishedRun, Report]:
        outputs = train_on_records(store, config, progress=progress)
        published = publish(store, evaluate_all(store, config, outputs), config)
        return published, report(store, published, outputs.dataset)

    run, made = with_damage_made_again(work)
    words = in_words(f"report: {'done before' if made.cached else 'done'}")
    log.info("step.%s step=report page=%s", "cached" if made.cached else "made", made.page, extra=words)
    mirror_published(store.place, run.path, config.tracking)
    return run
