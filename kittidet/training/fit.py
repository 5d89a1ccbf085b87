"""Records -> checkpoints: combines network, losses, optimiser and data, and lets Keras train."""

import gc
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf
from PIL import Image

from kittidet.config import ModelConfig, TrainConfig
from kittidet.data.pipeline import plain_record_errors, steps_per_epoch, training_batches
from kittidet.data.preview import jpeg_of, mosaic, write_batches, write_jpeg
from kittidet.detect.checkpoint import DetectorFacts, list_checkpoints
from kittidet.errors import TrainingError, first_line
from kittidet.files import digest_of
from kittidet.machine import usable_memory
from kittidet.model.scaling import variant_spec
from kittidet.progress import in_words
from kittidet.records.manifest import RecordsManifest, read_manifest
from kittidet.training.averaging import write_average
from kittidet.training.batch_norm import mode_of, refresh_statistics
from kittidet.training.callbacks import EpochEnd
from kittidet.training.devices import choose_devices, has_gpu
from kittidet.training.extension import RESUME
from kittidet.training.guards import LossGuard, NotFiniteError
from kittidet.training.halved_rate import halve_rate, halvings_of
from kittidet.training.history import EpochReport, ValidationSet, write_history
from kittidet.training.interruption import EpochState, deferred_signals
from kittidet.training.keeping import best_steps, has_stalled, scoring_interval
from kittidet.training.memory import predicted_peak, sizes_of
from kittidet.training.micro_batch import first_micro_batch, step_down
from kittidet.training.model import BATCH_KEYS
from kittidet.training.preflight import check_records
from kittidet.training.result import TrainResult, read_result, write_result
from kittidet.training.resume import Progress, load_state, save_state
from kittidet.training.session import Session, open_session
from kittidet.training.start import find_initial_weights, name_initial_weights
from kittidet.training.step_curves import StepCurves
from kittidet.training.step_lines import StepLines

log = logging.getLogger(__name__)

# In a run's folder: the first training batches with their boxes, and what was found in a few validation images.
IMAGES = "images"
_SHOWN_BATCHES = 3


def fit_detector(
    train_records_dir: Path,
    *,
    model: ModelConfig,
    train: TrainConfig,
    work_dir: Path,
    images_dir: Path | None = None,
    validation: ValidationSet | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> TrainResult:
    """Return the checkpoints of a training run, which this call starts, resumes, or finds finished.

    State is saved after each epoch, every few minutes inside one, and before SIGTERM or Ctrl-C ends the process. A run
    that stopped goes on from there when it is called again with the same folder, and ends with the same weights as an
    undisturbed one. Where memory runs out, fewer images are in it at a time; the batch and the rate stay as they are.
    A recipe that extends a shorter one goes on in the folder, or a copy of it, that the shorter one finished in.

    Args:
        train_records_dir: a folder that ``records.write`` made.
        model: the detector.
        train: the recipe.
        work_dir: receives ``checkpoints/step-*/``, ``history.csv``, ``tensorboard/``, ``images/``.
        images_dir: the folder of the images, of records that refer to them.
        validation: scores checkpoints as ``train.evaluate_every_epochs`` says; None: none is scored, so none is the
            best or averaged, and the training never stalls.
        on_epoch: called after each epoch, when its state is saved.

    Raises:
        TrainingError: if the records cannot be learned from, the loss is not finite, memory runs out, or the folder
            holds another run.
        ConfigError, ArchiveError, CheckpointMismatchError: if ``train.initial_weights`` or ``devices`` do not fit.
        RecordError: if the records are incomplete or damaged.
    """
    manifest = read_manifest(train_records_dir)
    identity = _identity(manifest, model, train)
    earlier = None if train.earlier is None else _identity(manifest, model, train.earlier)
    finished = read_result(work_dir, identity, earlier=earlier)
    if finished is not None:
        return finished
    start = find_initial_weights(train, model)
    coverage = check_records(train_records_dir, manifest, model=model, augment=train.augment)
    devices = choose_devices(train)
    run = _Run(
        *(train_records_dir, images_dir, manifest, model, train, devices),
        *(work_dir, identity, earlier, start, validation, on_epoch),
    )
    micro_batch = first_micro_batch(work_dir, train, devices=len(devices), peak=_peak_of(run), memory=usable_memory())
    halvings = halvings_of(work_dir)
    while True:
        try:
            resumed_from = _attempt(run, micro_batch, rate_share=0.5**halvings)
            break
        except (tf.errors.ResourceExhaustedError, NotFiniteError) as error:
            failure = error.with_traceback(None)  # its frames would keep the network in memory
        # The step that failed is half applied: everything is built again, from the last saved state.
        if isinstance(failure, NotFiniteError):
            halvings = halve_rate(work_dir, failure)
        else:
            micro_batch = step_down(work_dir, train, model, micro_batch, first_line(failure), devices=len(devices))
        keras.backend.clear_session()
        gc.collect()
    write_result(work_dir, identity, resumed_from_step=resumed_from, anchor_coverage=coverage, rate_halvings=halvings)
    result = read_result(work_dir, identity)
    if result is None:
        raise TrainingError(
            f"{work_dir}: training.json disappeared while it was being written. Is another run using this folder?"
        )
    return result


@dataclass(frozen=True, slots=True)
class _Run:
    """What stays the same in every attempt at a run."""

    records_dir: Path
    images_dir: Path | None
    manifest: RecordsManifest
    model: ModelConfig
    train: TrainConfig
    devices: tuple[str, ...]
    work_dir: Path
    identity: str
    earlier: str | None
    start: Path | None
    validation: ValidationSet | None
    on_epoch: Callable[[EpochReport], None] | None


def _attempt(run: _Run, micro_batch: int, *, rate_share: float) -> int | None:
    """Train from the last saved state to the end; return the step that it was saved at, None if there was none."""
    train, work_dir = run.train, run.work_dir
    steps = steps_per_epoch(run.manifest.num_frames, train.batch_size)
    session = open_session(
        run.model,
        train,
        run.manifest,
        start=run.start,
        steps_per_epoch=steps,
        micro_batch=micro_batch,
        devices=run.devices,
        rate_share=rate_share,
    )
    progress = load_state(work_dir / RESUME, session.variables, identity=run.identity, earlier=run.earlier)
    if progress is None and train.extends:
        raise TrainingError(
            f"{work_dir / RESUME}: expected the last state of the training of {train.extends[-1]} epochs, which "
            "train.extends goes on from, got none that is whole. Train that one again."
        )
    rows = [] if progress is None else progress.rows
    if progress is not None:
        sentence = f"going on after epoch {progress.epoch} of {train.epochs}, step {progress.step}"
        log.info("fit.resume epoch=%d step=%d", progress.epoch, progress.step, extra=in_words(sentence))
        write_history(work_dir / "history.csv", rows)
    else:
        with plain_record_errors():
            _prepare(run, session)
    # Of a shorter run that is extended: the mean is taken again at the end.
    for stale in (c for c in list_checkpoints(work_dir / "checkpoints") if c.average_of):
        shutil.rmtree(stale.path)
    facts = DetectorFacts(run.model, run.manifest.table, records_digest=run.manifest.digest)

    def save(now: Progress) -> None:
        save_state(work_dir / RESUME, session.variables, now, identity=run.identity)

    curves = StepCurves(work_dir / "tensorboard", optimizer=session.optimizer, recipe=train)

    def show(images: Sequence[tuple[str, Image.Image]], step: int) -> None:
        found = mosaic(images)
        write_jpeg(work_dir / IMAGES / "val_pred.jpg", found)
        curves.show(jpeg_of(found), found.size, step)

    at_epoch_end = EpochEnd(
        work_dir=work_dir,
        detector_facts=facts,
        network=session.detector.network,
        optimizer=session.optimizer,
        save=save,
        rows=rows,
        train=train,
        score=None if run.validation is None else run.validation.score,
        score_every=_score_every(run),
        on_epoch=run.on_epoch,
        show=show,
    )
    if len(rows) < train.epochs and not (rows and has_stalled(rows, train)):
        with deferred_signals() as received:
            in_epoch = EpochState(
                save=save,
                rows=rows,
                resumed=progress,
                sums=list(session.variables["epoch"]),
                steps=lambda: int(session.optimizer.iterations),
                steps_per_epoch=steps,
                received=received,
                every_s=60 * train.save_every_minutes,
            )
            guard = LossGuard(
                rows, objects_per_batch=run.manifest.num_objects / run.manifest.num_frames * train.batch_size
            )
            peak = _peak_of(run)
            lines = StepLines(
                train,
                steps_per_epoch=steps,
                micro_batch=micro_batch,
                devices=run.devices,
                folder=work_dir,
                steps=in_epoch.steps,
                peak=None if peak is None else peak(micro_batch),
                memory=usable_memory(),
            )
            tensorboard = keras.callbacks.TensorBoard(work_dir / "tensorboard", write_graph=False, profile_batch=0)
            _fit(run, session, progress, [guard, lines, at_epoch_end, tensorboard, curves, in_epoch])
    at_epoch_end.drop_checkpoints()
    best = best_steps(rows, train.average_best)
    checkpoints = [c for c in list_checkpoints(work_dir / "checkpoints") if c.step in best and not c.average_of]
    if len(checkpoints) > 1:
        write_average(work_dir / "checkpoints", session.detector.network, checkpoints, facts)
    return None if progress is None else progress.step


def _peak_of(run: _Run) -> Callable[[int], int] | None:
    """Return a function: images at a time -> predicted memory, bytes; None on a GPU, whose own was not measured."""
    if has_gpu():
        return None
    sizes = sizes_of(run.model, num_classes=len(run.manifest.table), batch_norm=mode_of(run.train))
    return lambda images: predicted_peak(sizes, run.train, images * len(run.devices))


def _score_every(run: _Run) -> int:
    if run.validation is None:
        return 0
    n_train, n_val = run.manifest.num_frames, run.validation.num_frames
    return scoring_interval(run.train, n_train=n_train, n_val=n_val, input_hw=run.model.input_hw)


def _identity(manifest: RecordsManifest, model: ModelConfig, train: TrainConfig) -> str:
    recipe = train.model_dump(mode="json", exclude={"initial_weights", *TrainConfig.no_identity})
    start = name_initial_weights(train, model)
    return digest_of({"records": manifest.digest, "model": model, "train": recipe, "initial_weights": start})


def _prepare(run: _Run, session: Session) -> None:
    """Do what is done once, before the first step."""
    first = _batches(run).take(_SHOWN_BATCHES)
    write_batches(run.work_dir / IMAGES, first, table=run.manifest.table, model=run.model)
    if mode_of(run.train) == "refresh_then_freeze":
        images = _batches(run).take(run.train.refresh_batches).map(lambda batch: batch["image"])
        refresh_statistics(session.detector.network, images)


def _batches(run: _Run, epoch: int = 0, batch: int = 0) -> tf.data.Dataset:
    """Return the batches of a run from one of an epoch on."""
    spec = variant_spec(run.model.variant)
    return training_batches(
        run.records_dir,
        input_hw=run.model.input_hw,
        batch_size=run.train.batch_size,
        augment=run.train.augment,
        seed=run.train.seed,
        epochs=run.train.epochs,
        first_epoch=epoch,
        first_batch=batch,
        pixel_mean=spec.pixel_mean,
        pixel_std=spec.pixel_std,
        images_dir=run.images_dir,
        repeat_threshold=run.train.repeat_threshold,
    )


@plain_record_errors()
def _fit(run: _Run, session: Session, progress: Progress | None, callbacks: list[keras.callbacks.Callback]) -> None:
    """Let Keras train the epochs that are left; one that was interrupted first, for it has fewer steps."""
    steps = steps_per_epoch(run.manifest.num_frames, run.train.batch_size)
    epoch, batch = (0, 0) if progress is None else (progress.epoch, progress.batch)
    batches = _batches(run, epoch, batch).map(lambda batch: {key: batch[key] for key in BATCH_KEYS if key in batch})
    # The cut epoch has its own number of steps, which `fit` takes for all epochs of a call.
    parts = [(epoch + 1, steps - batch), (run.train.epochs, steps)] if batch else [(run.train.epochs, steps)]
    for last, steps_each in parts:
        if epoch < last and not session.detector.stop_training:
            session.detector.fit(
                batches,
                epochs=last,
                initial_epoch=epoch,
                steps_per_epoch=steps_each,
                shuffle=False,  # the data set has its own order
                verbose=0,
                callbacks=callbacks,
            )
            batches, epoch = batches.skip(steps_each), last
