"""Published runs, one function each: what is trained, on what, and for how long."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from kittidet.config import (
    AugmentConfig,
    EvalConfig,
    ModelConfig,
    RecordsConfig,
    RunConfig,
    SourceConfig,
    TrainConfig,
)
from kittidet.errors import ConfigError

# Trained by this project on synthetic scenes only; recipe and scores are beside it.
STARTER = Path(__file__).parent / "starter" / "checkpoint"

DEFAULT_PRESET: Final = "kitti_d0"


def kitti_d0() -> RunConfig:
    """EfficientDet-D0 at 1280x384 on the official archives, from the published COCO weights: the default."""
    return RunConfig(name="kitti-d0", train=TrainConfig(initial_weights="coco"))


def kitti_d2() -> RunConfig:
    """EfficientDet-D2 at 1280x384, for a larger GPU."""
    return RunConfig(
        name="kitti-d2", model=ModelConfig(variant="d2"), train=TrainConfig(batch_size=8, initial_weights="coco")
    )


def demo() -> RunConfig:
    """Minutes on two CPU cores: synthetic data, a small input size, a start from the bundled starter weights."""
    return RunConfig(
        name="demo",
        source=SourceConfig(kind="synthetic", synthetic_frames=150, synthetic_seed=7),
        records=RecordsConfig(train_shards=4, val_shards=2),
        # Input size and anchors of the starter; half the published anchor size, since objects shrink to 0.4 of theirs.
        model=ModelConfig(variant="d0", input_hw=(160, 512), anchor_scale=2.0),
        train=TrainConfig(
            epochs=9,
            batch_size=8,
            optimizer="adamw",
            warmup_epochs=0.3,
            ema_decay=0.98,
            checkpoint_every_epochs=3,
            initial_weights="starter",
            augment=AugmentConfig(scale_min=0.8, scale_max=1.25),
        ),
        evaluation=EvalConfig(batch_size=8),
    )


PRESETS: Mapping[str, Callable[[], RunConfig]] = MappingProxyType(
    {"kitti_d0": kitti_d0, "kitti_d2": kitti_d2, "demo": demo}
)


def preset(name: str) -> RunConfig:
    """Return a preset by name.

    Raises:
        ConfigError: listing the known names.
    """
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name!r}: expected one of {', '.join(PRESETS)}.")
    return PRESETS[name]()
