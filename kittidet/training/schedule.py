"""The learning rate as a function of the step: a linear warm-up, then a decay of the shape that is asked for."""

import logging
import math
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from kittidet.config import RateShape, TrainConfig

log = logging.getLogger(__name__)

# The published rates are for this many images per step; the rate is proportional to the batch size.
REFERENCE_BATCH = 64
# The warm-up starts at this share of the peak: 0.008 of the published 0.08.
WARMUP_START_SHARE = 0.1
# Where a step decay divides the rate by ten, as shares of the run: those of the usual 12 epochs at 8 and 11.
_STEPS_AT = (8 / 12, 11 / 12)
# Points of the curve that are looked at, and the rise, as a share of the peak, that is worth a word.
_LOOKED_AT, _RISE = 101, 0.01


@dataclass(frozen=True, eq=False, kw_only=True)
class WarmupDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up followed by a decay over what remains of the run.

    Shapes: ``cosine``, half a cosine down to 0; ``cosine_restarts``, several of them, each from the peak; ``step``, a
    tenth at two thirds of the run and a hundredth at eleven twelfths; ``constant``; and ``reference``, that of
    google/automl, whose cosine counts raw steps: it drops at the end of the warm-up, is 0 one warm-up before the
    end, and rises for the rest.

    Args:
        peak: rate at the end of the warm-up.
        warmup_start: rate at step 0.
        warmup_steps: length of the warm-up; 0 turns it off.
        total_steps: where the run ends.
        shape: of the decay.
        cycles: cosines of ``cosine_restarts``.

    Raises:
        ValueError: if the run is not longer than its warm-up.

    Source:
        google/automl ``efficientdet/tf2/train_lib.py``, ``CosineLrSchedule``; Loshchilov and Hutter, "SGDR", 2017.
    """

    peak: float
    warmup_start: float
    warmup_steps: int
    total_steps: int
    shape: RateShape = "cosine"
    cycles: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.warmup_steps < self.total_steps:
            raise ValueError(
                f"expected 0 <= warmup_steps < total_steps, got {self.warmup_steps} and {self.total_steps}"
            )

    def __call__(self, step: Any) -> Any:
        """Return the rate at a step (scalar, counted from 0), float32."""
        step = ops.cast(step, "float32")
        span = float(self.total_steps - self.warmup_steps)
        done = ops.clip((step - self.warmup_steps) / span, 0.0, 1.0)
        rate = self.peak * (self._cosine(step / span) if self.shape == "reference" else self._decay(done))
        if self.warmup_steps == 0:
            return rate
        warm = self.warmup_start + (self.peak - self.warmup_start) * step / self.warmup_steps
        return ops.where(step < self.warmup_steps, warm, rate)

    def _decay(self, done: Any) -> Any:
        """Return the share of the peak where a share of the run after the warm-up is done."""
        if self.shape == "constant":
            return ops.ones_like(done)
        if self.shape == "step":
            return 0.1 ** sum(ops.cast(done >= at, "float32") for at in _STEPS_AT)
        turns = done * self.cycles
        # The end of the run is the end of its last cosine, not the beginning of one more.
        return self._cosine(turns - ops.minimum(ops.floor(turns), self.cycles - 1.0))

    @staticmethod
    def _cosine(turn: Any) -> Any:
        return 0.5 * (1 + ops.cos(math.pi * turn))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return asdict(self)


def fine_tune_schedule(train: TrainConfig, *, steps_per_epoch: int, rate_share: float = 1.0) -> WarmupDecay:
    """Return the schedule of a run, peak and warm-up start both scaled by the batch.

    (The reference's newer code does not scale the start: below a batch of 6.4 its rate falls during the warm-up.)

    Args:
        train: the recipe: peak at a batch of 64, images per step, epochs, and epochs of the warm-up, for which at most
            half the run is used.
        steps_per_epoch: steps in an epoch.
        rate_share: of the recipe's peak.
    """
    total_steps = steps_per_epoch * train.epochs
    peak = rate_share * train.peak_rate * train.batch_size / REFERENCE_BATCH
    return WarmupDecay(
        peak=peak,
        warmup_start=WARMUP_START_SHARE * peak,
        warmup_steps=min(round(train.warmup_epochs * steps_per_epoch), total_steps // 2),
        total_steps=total_steps,
        shape=train.schedule,
        cycles=train.cycles if train.schedule == "cosine_restarts" else 1,
    )


def warn_if_it_rises(schedule: WarmupDecay) -> None:
    """Say where a rate rises again after its peak though no restarts were asked for: it undoes what was learned."""
    if schedule.shape == "cosine_restarts":
        return
    steps = np.linspace(schedule.warmup_steps, schedule.total_steps, _LOOKED_AT)
    rates = ops.convert_to_numpy(ops.stack([schedule(step) for step in steps]))
    lowest = int(np.argmin(rates))
    if rates[lowest:].max() > rates[lowest] + _RISE * schedule.peak:
        log.warning(
            "the learning rate falls to %.2g until step %d and then rises to %.2g: train.schedule=cosine does not",
            *(rates[lowest], steps[lowest], rates[lowest:].max()),
        )
