"""The optimisers of a fine-tune: SGD or AdamW with two-stage clipping and a moving average of the weights.

Keras' optimisers go through the variables one by one, clip each gradient or the global norm but not both in turn, and
their moving average has a fixed decay and leaves batch-norm statistics out. Here all variables are one vector: a
training step of D0 has hundreds of them, and one by one they were half of its graph, which takes longer to build
than a step to run.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from kittidet.config import TrainConfig
from kittidet.model.normalization import batch_norms
from kittidet.training.losses import is_kernel

# No Nesterov, as in the reference.
SGD_MOMENTUM = 0.9
# Kingma and Ba, "Adam", 2015, and Keras' epsilon.
_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-7


class FineTuneOptimizer(keras.optimizers.Optimizer, ABC):
    """What SGD and AdamW below share: one vector of all weights, clipped, changed and averaged.

    Args:
        clip_norm: first each gradient is scaled down to this norm, then all of them to this global norm.
        ema_decay: largest decay of the moving average; 0 turns it off. At update n (from 0) the decay is
            ``min(ema_decay, (1 + n) / (10 + n))``, so that a short run's average is not dominated by its start.
        **kwargs: passed to the Keras optimiser.

    Source:
        google/automl ``efficientdet/tf2/train_lib.py`` (clipping) and ``det_model_fn.py`` (moving average).
    """

    moment_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, clip_norm: float, ema_decay: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.clip_norm = clip_norm
        self.ema_decay = ema_decay
        self.statistics: list[Any] = []

    def build(self, variables: list[Any]) -> None:
        """Create the vectors; the variables stay the model's own."""
        if self.built:
            return
        super().build(variables)
        sizes = [math.prod(v.shape) for v in variables]
        # Which variable each entry belongs to. Made outside of any graph, so that it is not written into one.
        self.owners = ops.convert_to_tensor(np.repeat(np.arange(len(sizes), dtype=np.int32), sizes))
        self.moments = [self._vector(sum(sizes), name) for name in self.moment_names]
        # How far the average of the weights is ahead of the weights: it can be kept without reading them.
        self.lead = self._vector(sum(sizes), "lead") if self.ema_decay else None
        # Of the last update, before it was clipped: for whoever watches.
        self.gradient_norm = self.add_variable((), dtype="float32", name="gradient_norm")

    def average_statistics(self, statistics: Iterable[Any]) -> None:
        """Make batch-norm statistics part of the moving average; call once, before the first step.

        Averaged weights do not match the latest statistics: those describe activations of
        weights hundreds of steps newer. The reference's Estimator path averages both, and so do we; the
        alternative, passing the data through the averaged network again, costs an epoch per checkpoint.
        """
        self.statistics = list(statistics) if self.ema_decay else []
        if self.statistics:
            self.averaged_statistics = self._vector(sum(math.prod(v.shape) for v in self.statistics), "statistics")

    def averages(self) -> list[tuple[Any, Any]]:
        """Return ``(model variable, its average)`` pairs; empty if the average is off or not built yet."""
        if not self.built or self.lead is None:
            return []
        leads = _split(self.lead, self._trainable_variables)
        pairs = [(v, v + lead) for v, lead in zip(self._trainable_variables, leads, strict=True)]
        if self.statistics:
            pairs += zip(self.statistics, _split(self.averaged_statistics, self.statistics), strict=True)
        return pairs

    @abstractmethod
    def change_of(self, gradient: Any, variables: Sequence[Any]) -> Any:
        """Return what an update adds to the weights, ``[n]`` float32, and move the moments.

        Args:
            gradient: ``[n]`` float32, clipped.
            variables: those the vector is of.
        """

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        for inherited in ("use_ema", "ema_momentum", "ema_overwrite_frequency", "clipnorm", "global_clipnorm"):
            config.pop(inherited, None)
        return {**config, "clip_norm": self.clip_norm, "ema_decay": self.ema_decay}

    # Overrides Keras' method of this name, which `apply` calls.

    def _backend_apply_gradients(self, grads: Sequence[Any], trainable_variables: Sequence[Any]) -> None:
        joined = _joined(grads)
        self.assign(self.gradient_norm, ops.sqrt(ops.sum(ops.square(joined))))
        gradient = clip_twice(joined, self.owners, count=len(grads), clip_norm=self.clip_norm)
        change = self.change_of(gradient, trainable_variables)
        for variable, part in zip(trainable_variables, _split(change, trainable_variables), strict=True):
            self.assign_add(variable, part)
        if self.lead is None:
            return
        updates = ops.cast(self.iterations, "float32")
        decay = ops.minimum(self.ema_decay, (1 + updates) / (10 + updates))
        # The first update sets the average to the weights.
        keep = ops.where(updates > 0, decay, 0.0)
        # average' = keep * average + (1 - keep) * (weights + change), with the weights taken off both sides.
        self.assign(self.lead, keep * (self.lead - change))
        if self.statistics:
            self.assign_sub(
                self.averaged_statistics, (1 - keep) * (self.averaged_statistics - _joined(self.statistics))
            )

    def _vector(self, size: int, name: str) -> Any:
        return self.add_variable((size,), dtype="float32", name=name)


class FineTuneSGD(FineTuneOptimizer):
    """SGD with momentum, clipped and averaged."""

    moment_names = ("momentum",)

    def __init__(self, *, momentum: float = SGD_MOMENTUM, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.momentum = momentum

    def change_of(self, gradient: Any, variables: Sequence[Any]) -> Any:
        """Return the momentum after it took the gradient in."""
        del variables
        (momentum,) = self.moments
        change = self.momentum * momentum - self.learning_rate * gradient
        self.assign(momentum, change)
        return change

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "momentum": self.momentum}


class FineTuneAdamW(FineTuneOptimizer):
    """AdamW, clipped and averaged.

    Source:
        Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.
    """

    moment_names = ("momentum", "velocity")

    def change_of(self, gradient: Any, variables: Sequence[Any]) -> Any:
        """Return the step along the bias-corrected moments, less the decay of the kernels."""
        momentum, velocity = self.moments
        first = momentum + (1 - _BETA_1) * (gradient - momentum)
        second = velocity + (1 - _BETA_2) * (ops.square(gradient) - velocity)
        self.assign(momentum, first)
        self.assign(velocity, second)
        updates = ops.cast(self.iterations + 1, "float32")
        rate = ops.cast(self.learning_rate, "float32")
        corrected = rate * ops.sqrt(1 - ops.power(_BETA_2, updates)) / (1 - ops.power(_BETA_1, updates))
        decays = np.array([self.weight_decay * self._use_weight_decay(v) for v in variables], np.float32)
        decay = rate * ops.take(decays, self.owners) * _joined(variables)
        return -corrected * first / (ops.sqrt(second) + _EPSILON) - decay


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
    norms = [norm for norm in batch_norms(model) if norm.trainable and not getattr(norm, "keeps_statistics", False)]
    return [v for norm in norms for v in (norm.moving_mean, norm.moving_variance)]


def clip_twice(gradient: Any, owners: Any, *, count: int, clip_norm: float) -> Any:
    """Return gradients, each clipped to a norm, then all scaled to that norm as the global one.

    Args:
        gradient: ``[n]`` float32, one after the other.
        owners: ``[n]`` int32, ascending, which gradient an entry is of.
        count: how many there are.
        clip_norm: the norm.
    """
    # On TensorFlow a sum over sorted segments, the precise one, takes no count; on JAX it needs it.
    segments = None if keras.backend.backend() == "tensorflow" else count
    norms = ops.sqrt(ops.segment_sum(ops.square(gradient), owners, num_segments=segments, sorted=True))
    first = clip_norm / ops.maximum(norms, clip_norm)
    total = ops.sqrt(ops.sum(ops.square(norms * first)))
    return gradient * ops.take(first * (clip_norm / ops.maximum(total, clip_norm)), owners)


def _joined(tensors: Sequence[Any]) -> Any:
    """Return tensors or variables as one vector, float32."""
    return ops.concatenate([t if len(t.shape) == 1 else ops.reshape(t, (-1,)) for t in tensors])


def _split(vector: Any, like: Sequence[Any]) -> list[Any]:
    """Return the parts of a vector in the shapes of other tensors."""
    ends = np.cumsum([math.prod(t.shape) for t in like])[:-1]
    parts = ops.split(vector, [int(end) for end in ends])
    return [p if len(t.shape) == 1 else ops.reshape(p, t.shape) for p, t in zip(parts, like, strict=True)]


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
