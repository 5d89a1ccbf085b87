"""Which weights a fine-tune starts from: where they are, and what names them. Loads no TensorFlow."""

import logging
from pathlib import Path

from kittidet.config import ModelConfig, TrainConfig
from kittidet.errors import ConfigError
from kittidet.files import digest_path
from kittidet.model.published import fetch_pretrained, pretrained_folder
from kittidet.presets import STARTER

log = logging.getLogger(__name__)


def find_initial_weights(train: TrainConfig, model: ModelConfig) -> Path | None:
    """Return where the weights are that training starts from, fetching the published ones; None for a random start.

    Raises:
        ArchiveError: if the published checkpoint cannot be had; says which file to put where.
    """
    if train.initial_weights is None:
        log.warning("fit.start random: not a fine-tune, needs far more epochs; consider train.initial_weights=coco")
        return None
    return fetch_pretrained(model.variant) if train.initial_weights == "coco" else _own_weights(train)


def has_initial_weights(train: TrainConfig, model: ModelConfig) -> bool:
    """Return whether training can start without a network: from weights that are here, or from random ones."""
    if train.initial_weights is None:
        return True
    if train.initial_weights == "coco":
        return pretrained_folder(model.variant).is_dir()
    return _own_weights(train).exists()


def name_initial_weights(train: TrainConfig, model: ModelConfig) -> str | None:
    """Return what names the weights that training starts from: their bytes, not their place; None for a random start.

    Raises:
        ConfigError: if they are not there.
    """
    if train.initial_weights is None:
        return None
    if train.initial_weights == "coco":
        # Published weights never change, and are fetched only when they are needed.
        return f"coco {model.variant}"
    path = _own_weights(train)
    try:
        return digest_path(path)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot read the weights to start from: {error.strerror}. "
            "Set train.initial_weights to a file or folder that exists."
        ) from error


def _own_weights(train: TrainConfig) -> Path:
    return STARTER if train.initial_weights == "starter" else Path(str(train.initial_weights))
