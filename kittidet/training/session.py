"""The network, its losses and its optimiser, ready for a fine-tune: built again for each attempt at a run."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kittidet.config import ModelConfig, TrainConfig
from kittidet.machine import find_accelerators, usable_cores
from kittidet.model.anchors import anchors_of
from kittidet.model.efficientdet import EfficientDet, build_efficientdet
from kittidet.progress import in_words
from kittidet.records.manifest import RecordsManifest
from kittidet.training.accumulation import AccumulatingDetector
from kittidet.training.batch_norm import IN_WORDS, apply_mode, mode_of
from kittidet.training.initial import load_initial_weights
from kittidet.training.model import TrainableDetector
from kittidet.training.optimizer import FineTuneOptimizer, build_optimizer
from kittidet.training.schedule import fine_tune_schedule, warn_if_it_rises

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """What changes while a run trains.

    Attributes:
        detector: the network with its losses, compiled.
        optimizer: holds the moving averages.
        variables: groups of all variables that training changes.
    """

    detector: TrainableDetector
    optimizer: FineTuneOptimizer
    variables: Mapping[str, Sequence[Any]]


def open_session(
    model: ModelConfig,
    train: TrainConfig,
    manifest: RecordsManifest,
    *,
    start: Path | None,
    steps_per_epoch: int,
    micro_batch: int,
    rate_share: float = 1.0,
) -> Session:
    """Return everything a run needs before its first step.

    Args:
        model: the detector.
        train: the recipe.
        manifest: of the records.
        start: the weights to start from; None: random ones, of the recipe's seed.
        steps_per_epoch: steps in an epoch.
        micro_batch: images that are in memory at a time; divides the batch.
        rate_share: of the recipe's rate.

    Raises:
        CheckpointMismatchError: if the weights to start from do not fit.
    """
    _log_device()
    network = _build_network(model, train, manifest, start)
    anchors_xyxy = anchors_of(model)
    detector: TrainableDetector
    if micro_batch == train.batch_size:
        detector = TrainableDetector(network, anchors_xyxy=anchors_xyxy, recipe=train)
    else:
        detector = AccumulatingDetector(network, anchors_xyxy=anchors_xyxy, recipe=train, micro_batch=micro_batch)
        if mode_of(train) == "train":
            log.warning("fit.batch_norm statistics are those of %d images, not of the batch", micro_batch)
    schedule = fine_tune_schedule(train, steps_per_epoch=steps_per_epoch, rate_share=rate_share)
    warn_if_it_rises(schedule)
    optimizer = build_optimizer(train, learning_rate=schedule, model=detector)
    outer: Any = optimizer
    if network.dtype_policy.compute_dtype == "float16":
        outer = keras.optimizers.LossScaleOptimizer(optimizer)
        outer.build(detector.trainable_variables)
    # On a CPU the compiled step is ten times slower than the plain one.
    detector.compile(optimizer=outer, jit_compile=has_gpu(), auto_scale_loss=False)
    variables = {
        "network": network.variables,
        "optimizer": outer.variables,
        "epoch": [variable for metric in detector.metrics for variable in metric.variables],
    }
    return Session(detector, optimizer, variables)


def _build_network(
    model: ModelConfig, train: TrainConfig, manifest: RecordsManifest, start: Path | None
) -> EfficientDet:
    keras.utils.set_random_seed(train.seed)
    half = train.mixed_precision and has_gpu()
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
    mode = mode_of(train)
    apply_mode(network, mode)
    log.info(
        "fit.network variant=%s input=%dx%d classes=%d parameters=%d batch_norm=%s start=%s",
        *(model.variant, model.input_hw[1], model.input_hw[0], len(manifest.table), network.count_params()),
        *(mode, start or "random"),
        extra=in_words(f"{network.count_params() / 1e6:.1f} million parameters, batch norm {IN_WORDS[mode]}"),
    )
    return network


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


def has_gpu() -> bool:
    """Return whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))
