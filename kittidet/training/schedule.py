"""The learning rate as a function of the step: a linear warm-up, then half a cosine down to 0."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import keras
from keras import ops

from kittidet.config import TrainConfig

# The published rates are for this many images per step; the rate is proportional to the batch size.
REFERENCE_BATCH = 64
# The warm-up starts at this share of the peak: 0.008 of the published 0.08.
WARMUP_START_SHARE = 0.1


@dataclass(frozen=True, eq=False, kw_only=True)
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up followed by half a cosine, which never rises again.

    The reference's own schedule (``follow_reference``) has the cosine count raw steps: it drops at the end of
    the warm-up, is 0 one warm-up before the end, and rises for the rest. Here the cosine spans what remains after the
    warm-up.

    Args:
        peak: rate at the end of the warm-up.
        warmup_start: rate at step 0.
        warmup_steps: length of the warm-up; 0 turns it off.
        total_steps: where the rate reaches 0.
        follow_reference: reproduce the reference exactly.

    Raises:
        ValueError: if the run is not longer than its warm-up.

    Source:
        google/automl ``efficientdet/tf2/train_lib.py``, ``CosineLrSchedule``.
    """

    peak: float
    warmup_start: float
    warmup_steps: int
    total_steps: int
    follow_reference: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.warmup_steps < self.total_steps:
            raise ValueError(
                f"expected 0 <= warmup_steps < total_steps, got {self.warmup_steps} and {self.total_steps}"
            )

    def __call__(self, step: Any) -> Any:
        """Return the rate at a step (scalar, counted from 0), float32."""
        step = ops.cast(step, "float32")
        span = float(self.total_steps - self.warmup_steps)
        turn = step / span if self.follow_reference else ops.clip((step - self.warmup_steps) / span, 0.0, 1.0)
        cosine = 0.5 * self.peak * (1 + ops.cos(math.pi * turn))
        if self.warmup_steps == 0:
            return cosine
        warm = self.warmup_start + (self.peak - self.warmup_start) * step / self.warmup_steps
        return ops.where(step < self.warmup_steps, warm, cosine)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return asdict(self)


def fine_tune_schedule(train: TrainConfig, *, steps_per_epoch: int) -> WarmupCosine:
    """Return the schedule of a run, peak and warm-up start both scaled by the batch.

    (The reference's newer code does not scale the start: below a batch of 6.4 its rate falls during the warm-up.)

    Args:
        train: the recipe: peak at a batch of 64, images per step, epochs, and epochs of the warm-up, for which at most
            half the run is used.
        steps_per_epoch: steps in an epoch.
    """
    total_steps = steps_per_epoch * train.epochs
    peak = train.learning_rate * train.batch_size / REFERENCE_BATCH
    return WarmupCosine(
        peak=peak,
        warmup_start=WARMUP_START_SHARE * peak,
        warmup_steps=min(round(train.warmup_epochs * steps_per_epoch), total_steps // 2),
        total_steps=total_steps,
    )
