"""Records -> checkpoints: combines network, losses, optimiser and data, and lets Keras train."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kittidet.config import ModelConfig, TrainConfig
from kittidet.data.pipeline import steps_per_epoch, training_batches
from kittidet.detect.checkpoint import Checkpoint, DetectorFacts, list_checkpoints
from kittidet.errors import TrainingError
from kittidet.files import digest_of, read_json, write_json
from kittidet.machine import find_accelerators, usable_cores
from kittidet.model.anchors import anchors_of
from kittidet.model.efficientdet import EfficientDet, build_efficientdet
from kittidet.model.normalization import freeze_batch_norm
from kittidet.model.scaling import variant_spec
from kittidet.progress import in_words
from kittidet.records.manifest import RecordsManifest, read_manifest
from kittidet.training.averaging import write_average
from kittidet.training.callbacks import EpochEnd, LossGuard
from kittidet.training.history import EpochReport, ValScores, write_history
from kittidet.training.initial import load_initial_weights
from kittidet.training.keeping import Rows, best_steps, has_stalled, scoring_interval
from kittidet.training.model import BATCH_KEYS, Detector
from kittidet.training.optimizer import FineTuneOptimizer, build_optimizer
from kittidet.training.preflight import check_records
from kittidet.training.resume import load_state
from kittidet.training.schedule import fine_tune_schedule
from kittidet.training.start import find_initial_weights, name_initial_weights

log = logging.getLogger(__name__)

# Below this many images per step, batch statistics are too noisy for a network that starts from good ones.
_SMALL_BATCH = 16


@dataclass(frozen=True, slots=True)
class ValidationSet:
    """How checkpoints are scored while they are made.

    Attributes:
        score: the folder of a checkpoint -> its scores.
        num_frames: of the set; decides how often it is scored.
    """

    score: Callable[[Path], ValScores]
    num_frames: int


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a finished training run left in its folder.

    Attributes:
        checkpoints: the kept ones, oldest first; before them the average of the best, where several were scored.
        history_path: ``history.csv``, one row per epoch.
        resumed_from_step: where the last start of this run resumed; None if it was the first.
        anchor_coverage: share of objects with an anchor of IoU >= 0.5 at this input size.
    """

    checkpoints: tuple[Checkpoint, ...]
    history_path: Path
    resumed_from_step: int | None
    anchor_coverage: float


def fit_detector(
    train_records_dir: Path,
    *,
    model: ModelConfig,
    train: TrainConfig,
    work_dir: Path,
    validation: ValidationSet | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> TrainResult:
    """Return the checkpoints of a training run, which this call starts, resumes, or finds finished.

    State is saved after each epoch. A killed run resumes from there when it is called again with the
    same folder, and ends with the same weights as an undisturbed one.

    Args:
        train_records_dir: a folder that ``records.write`` made.
        model: the detector.
        train: the recipe.
        work_dir: receives ``checkpoints/step-*/``, ``history.csv``, ``tensorboard/``.
        validation: scores checkpoints as ``train.evaluate_every_epochs`` says; None: none is scored, so none is the
            best or averaged, and the training never stalls.
        on_epoch: called after each epoch, when its state is saved.

    Raises:
        TrainingError: if the records cannot be learned from, the loss is not finite, memory runs out, or the folder
            holds another run.
        ConfigError, ArchiveError, CheckpointMismatchError: if ``train.initial_weights`` are not there or do not fit.
        RecordError: if the records are incomplete or damaged.
    """
    manifest = read_manifest(train_records_dir)
    identity = _identity(manifest, model, train)
    finished = _read_result(work_dir, identity)
    if finished is not None:
        return finished
    start = find_initial_weights(train, model)
    anchors_xyxy = anchors_of(model)
    coverage = check_records(train_records_dir, manifest, input_hw=model.input_hw, anchors_xyxy=anchors_xyxy)
    steps = steps_per_epoch(manifest.num_frames, train.batch_size)
    network = _build_network(model, train, manifest, start)
    detector = Detector(network, anchors_xyxy=anchors_xyxy, recipe=train)
    schedule = fine_tune_schedule(train, steps_per_epoch=steps)
    optimizer = build_optimizer(train, learning_rate=schedule, model=detector)
    outer = _compile(detector, optimizer, half=network.dtype_policy.compute_dtype == "float16")
    variables = {"network": network.variables, "optimizer": outer.variables}
    progress = load_state(work_dir / "resume", variables, identity=identity)
    rows = [] if progress is None else progress.rows
    first_epoch = 0 if progress is None else progress.epoch
    if progress is not None:
        sentence = f"going on after epoch {progress.epoch} of {train.epochs}"
        log.info("fit.resume epoch=%d step=%d", progress.epoch, progress.step, extra=in_words(sentence))
        write_history(work_dir / "history.csv", rows)
    facts = DetectorFacts(model, manifest.table, records_digest=manifest.digest)
    n_val = 0 if validation is None else validation.num_frames
    at_epoch_end = EpochEnd(
        work_dir=work_dir,
        detector_facts=facts,
        network=network,
        optimizer=optimizer,
        variables=variables,
        identity=identity,
        rows=rows,
        train=train,
        score=None if validation is None else validation.score,
        score_every=scoring_interval(train, n_train=manifest.num_frames, n_val=n_val, input_hw=model.input_hw),
        on_epoch=on_epoch,
    )
    if first_epoch < train.epochs and not (rows and has_stalled(rows, train)):
        batches = _batches(train_records_dir, model, train, first_epoch)
        tensorboard = keras.callbacks.TensorBoard(work_dir / "tensorboard", write_graph=False, profile_batch=0)
        _fit(detector, batches, train, steps, first_epoch, [LossGuard(), at_epoch_end, tensorboard])
    at_epoch_end.drop_checkpoints()
    _write_average(work_dir / "checkpoints", network, rows, train, facts)
    return _write_result(work_dir, identity, None if progress is None else progress.step, coverage)


def _write_average(folder: Path, network: EfficientDet, rows: Rows, train: TrainConfig, facts: DetectorFacts) -> None:
    steps = best_steps(rows, train.average_best)
    best = [c for c in list_checkpoints(folder) if c.step in steps and not c.average_of]
    if len(best) > 1:
        write_average(folder, network, best, facts)


def _identity(manifest: RecordsManifest, model: ModelConfig, train: TrainConfig) -> str:
    # Keeping fewer checkpoints does not change the weights.
    recipe = train.model_dump(mode="json", exclude={"keep_checkpoints", "initial_weights"})
    start = name_initial_weights(train, model)
    return digest_of({"records": manifest.digest, "model": model, "train": recipe, "initial_weights": start})


def freezes_batch_norm(train: TrainConfig) -> bool:
    """Return whether batch norm keeps its statistics: as configured, else for small batches that start from weights.

    Statistics are not frozen by default after a random start, which has none worth keeping.
    """
    if train.freeze_batch_norm is not None:
        return train.freeze_batch_norm
    return train.initial_weights is not None and train.batch_size < _SMALL_BATCH


def _build_network(
    model: ModelConfig, train: TrainConfig, manifest: RecordsManifest, start: Path | None
) -> EfficientDet:
    _log_device()
    keras.utils.set_random_seed(train.seed)
    half = train.mixed_precision and _has_gpu()
    if train.mixed_precision and not half:
        log.warning("fit.precision mixed precision requested without a GPU; training in float32")
    network = build_efficientdet(
        model.variant,
        len(manifest.table),
        model.input_hw,
        seed=train.seed,
        dtype="mixed_float16" if half else "float32",
    )
    if start is not None:
        load_initial_weights(network, start, model=model, table=manifest.table)
    frozen = freezes_batch_norm(train)
    if frozen:
        freeze_batch_norm(network)
    log.info(
        "fit.network variant=%s input=%dx%d classes=%d parameters=%d batch_norm=%s start=%s",
        *(model.variant, model.input_hw[1], model.input_hw[0], len(manifest.table), network.count_params()),
        *("frozen" if frozen else "trained", start or "random"),
        extra=in_words(
            f"{network.count_params() / 1e6:.1f} million parameters, batch norm {'frozen' if frozen else 'trained'}"
        ),
    )
    return network


def _compile(detector: Detector, optimizer: FineTuneOptimizer, *, half: bool) -> Any:
    outer: Any = optimizer
    if half:
        outer = keras.optimizers.LossScaleOptimizer(optimizer)
        outer.build(detector.trainable_variables)
    # On a CPU the compiled step is ten times slower than the plain one, and Keras' "auto" would choose it.
    detector.compile(optimizer=outer, jit_compile=_has_gpu(), auto_scale_loss=False)
    return outer


def _batches(records_dir: Path, model: ModelConfig, train: TrainConfig, first_epoch: int) -> tf.data.Dataset:
    spec = variant_spec(model.variant)
    batches = training_batches(
        records_dir,
        input_hw=model.input_hw,
        batch_size=train.batch_size,
        augment=train.augment,
        seed=train.seed,
        epochs=train.epochs,
        first_epoch=first_epoch,
        pixel_mean=spec.pixel_mean,
        pixel_std=spec.pixel_std,
    )
    return batches.map(lambda batch: {key: batch[key] for key in BATCH_KEYS})


def _fit(
    detector: Detector,
    batches: tf.data.Dataset,
    train: TrainConfig,
    steps: int,
    first_epoch: int,
    callbacks: list[keras.callbacks.Callback],
) -> None:
    try:
        detector.fit(
            batches,
            epochs=train.epochs,
            initial_epoch=first_epoch,
            steps_per_epoch=steps,
            shuffle=False,  # the data set has its own order
            verbose=0,
            callbacks=callbacks,
        )
    except tf.errors.ResourceExhaustedError as error:
        raise TrainingError(
            f"out of memory with train.batch_size={train.batch_size}: {str(error).splitlines()[0]} "
            f"Try train.batch_size={max(1, train.batch_size // 2)}, a smaller model.input_hw, "
            "train.freeze_batch_norm=true, or on a GPU train.mixed_precision=true."
        ) from error


def _log_device() -> None:
    gpus = len(tf.config.list_physical_devices("GPU"))
    idle = find_accelerators() if not gpus else []
    where = f"training on {usable_cores()} cores" if not gpus else f"training on {gpus} GPU{'s' * (gpus > 1)}"
    if idle:
        log.warning(
            "fit.device TensorFlow does not see %s: %s. Is kittidet[gpu] installed, and the driver recent enough?",
            *(", ".join(idle), where),
        )
    else:
        log.info("fit.device gpus=%d", gpus, extra=in_words(where if gpus else f"no GPU: {where}"))


def _has_gpu() -> bool:
    return bool(tf.config.list_physical_devices("GPU"))


def _write_result(work_dir: Path, identity: str, resumed_from_step: int | None, coverage: float) -> TrainResult:
    facts = {"identity": identity, "resumed_from_step": resumed_from_step, "anchor_coverage": coverage}
    write_json(work_dir / "training.json", facts)
    result = _read_result(work_dir, identity)
    if result is None:
        raise TrainingError(
            f"{work_dir}: training.json disappeared while it was being written. Is another run using this folder?"
        )
    return result


def _read_result(work_dir: Path, identity: str) -> TrainResult | None:
    file = work_dir / "training.json"
    if not file.is_file():
        return None
    facts = read_json(file, error=TrainingError, advice="Give this run another work folder, or delete that one.")
    if facts["identity"] != identity:
        raise TrainingError(
            f"{file}: this folder holds a finished run with different records, model or recipe. "
            "Use another work folder for this run, or delete that one."
        )
    # Only now that the result is written is the state no longer needed.
    shutil.rmtree(work_dir / "resume", ignore_errors=True)
    return TrainResult(
        tuple(list_checkpoints(work_dir / "checkpoints")),
        work_dir / "history.csv",
        facts["resumed_from_step"],
        facts["anchor_coverage"],
    )
