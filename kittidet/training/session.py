"""The network, its losses and its optimiser, ready for a fine-tune: built again for each attempt at a run."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from kittidet.config import ModelConfig, Precision, TrainConfig
from kittidet.model.anchors import anchors_of
from kittidet.model.efficientdet import EfficientDet, build_efficientdet
from kittidet.progress import in_words
from kittidet.records.manifest import RecordsManifest
from kittidet.training.accumulation import AccumulatingDetector
from kittidet.training.batch_norm import IN_WORDS, apply_mode, mode_of
from kittidet.training.devices import has_gpu
from kittidet.training.initial import load_initial_weights
from kittidet.training.model import TrainableDetector
from kittidet.training.optimizer import FineTuneOptimizer, build_optimizer
from kittidet.training.replication import ReplicatedDetector
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
    devices: Sequence[str] = ("CPU:0",),
    rate_share: float = 1.0,
) -> Session:
    """Return everything a run needs before its first step.

    Args:
        model: the detector.
        train: the recipe.
        manifest: of the records.
        start: the weights to start from; None: random ones, of the recipe's seed.
        steps_per_epoch: steps in an epoch.
        micro_batch: images that are in the memory of a device at a time; divides its share of the batch.
        devices: names of those that share a batch; of one, the name does not matter.
        rate_share: of the recipe's rate.

    Raises:
        CheckpointMismatchError: if the weights to start from do not fit.
    """
    if _precision_of(train) != train.precision:
        log.warning("fit.precision train.precision=mixed_float16 needs a GPU; training in float32")
    network = _build_network(model, train, manifest, start)
    detector = _build_detector(network, model, train, micro_batch, devices)
    schedule = fine_tune_schedule(train, steps_per_epoch=steps_per_epoch, rate_share=rate_share)
    warn_if_it_rises(schedule)
    optimizer = build_optimizer(train, learning_rate=schedule, model=detector)
    outer: Any = optimizer
    # Gradients of float16 activations underflow; bfloat16 has the range of float32.
    if _precision_of(train) == "mixed_float16":
        outer = keras.optimizers.LossScaleOptimizer(optimizer)
        outer.build(detector.trainable_variables)
    # On a CPU the compiled step is ten times slower than the plain one, and devices meet outside of compiled code.
    compiled = has_gpu() and len(devices) == 1
    detector.compile(optimizer=outer, jit_compile=compiled, auto_scale_loss=False)
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
    network = build_efficientdet(
        model.variant, len(manifest.table), model.input_hw, seed=train.seed, dtype=_precision_of(train)
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


def _build_detector(
    network: EfficientDet, model: ModelConfig, train: TrainConfig, micro_batch: int, devices: Sequence[str]
) -> TrainableDetector:
    anchors_xyxy = anchors_of(model)
    at_a_time = micro_batch * len(devices)
    if at_a_time < train.batch_size and mode_of(train) == "train":
        log.warning("fit.batch_norm statistics are those of %d images, not of the batch", at_a_time)
    if len(devices) > 1:
        return ReplicatedDetector(
            network, anchors_xyxy=anchors_xyxy, recipe=train, micro_batch=micro_batch, devices=devices
        )
    if at_a_time < train.batch_size:
        return AccumulatingDetector(network, anchors_xyxy=anchors_xyxy, recipe=train, micro_batch=micro_batch)
    return TrainableDetector(network, anchors_xyxy=anchors_xyxy, recipe=train)


def _precision_of(train: TrainConfig) -> Precision:
    # On a processor float16 takes eighty times as long as float32.
    return "float32" if train.precision == "mixed_float16" and not has_gpu() else train.precision
