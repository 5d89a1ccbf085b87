"""The optimisers of a fine-tune: SGD or AdamW with two-stage clipping and a moving average of the weights.

Keras' optimisers clip each gradient or the global norm, but not both in turn; their moving average has a fixed
decay and leaves batch-norm statistics out. `FineTuneOptimizer` adds those three and nothing else.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

from kittidet.config import TrainConfig
from kittidet.model.normalization import batch_norms
from kittidet.training.losses import is_kernel

# No Nesterov, as in the reference.
SGD_MOMENTUM = 0.9


class FineTuneOptimizer(keras.optimizers.Optimizer):
    """What SGD and AdamW below share; mixed in before the Keras class.

    Args:
        clip_norm: first each gradient is scaled down to this norm, then all of them to this global norm.
        ema_decay: largest decay of the moving average; 0 turns it off. At update n (from 0) the decay is
            ``min(ema_decay, (1 + n) / (10 + n))``, so that a short run's average is not dominated by its start.
        **kwargs: passed to the Keras optimiser.

    Source:
        google/automl ``efficientdet/tf2/train_lib.py`` (clipping) and ``det_model_fn.py`` (moving average).
    """

    def __init__(self, *, clip_norm: float, ema_decay: float, **kwargs: Any) -> None:
        super().__init__(use_ema=ema_decay > 0, ema_momentum=ema_decay, **kwargs)
        self.clip_norm = clip_norm
        self.ema_decay = ema_decay
        self.statistics: list[Any] = []
        self.averaged_statistics: list[Any] = []

    def average_statistics(self, statistics: Iterable[Any]) -> None:
        """Make batch-norm statistics part of the moving average; call once, before the first step.

        Averaged weights do not match the latest statistics: those describe activations of
        weights hundreds of steps newer. The reference's Estimator path averages both, and so do we; the
        alternative, passing the data through the averaged network again, costs an epoch per checkpoint.
        """
        if self.use_ema:
            self.statistics = list(statistics)
            self.averaged_statistics = [self.add_variable_from_reference(v, name="average") for v in self.statistics]

    def averages(self) -> list[tuple[Any, Any]]:
        """Return ``(model variable, its average)`` pairs; empty if the average is off or not built yet."""
        if not (self.use_ema and self.built):
            return []
        pairs = [*zip(self._trainable_variables, self._model_variables_moving_average, strict=True)]
        return [*pairs, *zip(self.statistics, self.averaged_statistics, strict=True)]

    def finalize_variable_values(self, var_list: Any) -> None:
        """Leave the weights as trained; checkpoints get the average through `averaged_weights`."""

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        for inherited in ("use_ema", "ema_momentum", "ema_overwrite_frequency", "clipnorm", "global_clipnorm"):
            config.pop(inherited, None)
        return {**config, "clip_norm": self.clip_norm, "ema_decay": self.ema_decay}

    # The two hooks below override Keras' methods of these names, called by `apply`.

    def _clip_gradients(self, grads: Sequence[Any]) -> list[Any]:
        return clip_twice(grads, self.clip_norm)

    def _update_model_variables_moving_average(self, trainable_variables: Sequence[Any]) -> None:  # noqa: ARG002
        updates = ops.cast(self.iterations, "float32")
        decay = ops.minimum(self.ema_decay, (1 + updates) / (10 + updates))
        # The averages start at zero: the first update replaces them.
        keep = ops.where(updates > 0, decay, 0.0)
        for variable, average in self.averages():
            # The optimiser's own assign is one operation; a Keras variable's reads, subtracts and assigns.
            self.assign_sub(average, (1 - keep) * (average - variable))


class FineTuneSGD(FineTuneOptimizer, keras.optimizers.SGD):
    """SGD with momentum, clipped and averaged."""


class FineTuneAdamW(FineTuneOptimizer, keras.optimizers.AdamW):
    """AdamW, clipped and averaged."""


def build_optimizer(train: TrainConfig, *, learning_rate: Any, model: keras.Model) -> FineTuneOptimizer:
    """Return a built optimiser for the trainable variables of a model.

    Args:
        train: the recipe: which one, its limit for each gradient and for all together, its average, its decay.
        learning_rate: a number or a schedule.
        model: batch norms that keep their statistics (``trainable = False``) are left out of the average.
    """
    common = {"learning_rate": learning_rate, "clip_norm": train.clip_norm, "ema_decay": train.ema_decay}
    optimizer: FineTuneOptimizer
    if train.optimizer == "sgd":
        optimizer = FineTuneSGD(momentum=SGD_MOMENTUM, **common)
    else:
        optimizer = FineTuneAdamW(weight_decay=train.weight_decay, **common)
        optimizer.exclude_from_weight_decay(var_list=[v for v in model.trainable_variables if not is_kernel(v)])
    optimizer.build(model.trainable_variables)
    optimizer.average_statistics(moving_statistics(model))
    return optimizer


def moving_statistics(model: keras.Model) -> list[Any]:
    """Return the moving means and variances of the batch norms that training updates."""
    norms = [norm for norm in batch_norms(model) if norm.trainable]
    return [v for norm in norms for v in (norm.moving_mean, norm.moving_variance)]


def clip_twice(grads: Sequence[Any], clip_norm: float) -> list[Any]:
    """Return the gradients, each clipped to norm ``clip_norm``, then all scaled to that global norm.

    Both stages together are one factor per gradient, computed from the vector of norms: two operations per tensor.
    """
    norms = ops.sqrt(ops.stack([ops.sum(ops.square(g)) for g in grads]))  # [gradients]
    first = clip_norm / ops.maximum(norms, clip_norm)
    total = ops.sqrt(ops.sum(ops.square(norms * first)))
    factors = ops.unstack(first * (clip_norm / ops.maximum(total, clip_norm)), num=len(grads))
    return [g * factor for g, factor in zip(grads, factors, strict=True)]


@contextmanager
def averaged_weights(optimizer: FineTuneOptimizer) -> Iterator[None]:
    """Give the model the moving averages as weights inside a ``with`` block; restore the trained values after it."""
    trained = [(variable, ops.convert_to_numpy(variable)) for variable, _ in optimizer.averages()]
    for variable, average in optimizer.averages():
        variable.assign(average)
    try:
        yield
    finally:
        for variable, value in trained:
            variable.assign(value)
