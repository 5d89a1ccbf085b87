"""Weights and images made by rule, so that parity with the reference needs stored outputs but no stored weights.

The rule draws every variable from one generator in the order of the names; a skipped batch norm, a swapped pair of
nodes or a missing bias shows at once in the outputs.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from kittidet.model.heads import CLASS_BIAS

Array = npt.NDArray[np.float32]

SEED = 20240607


def weights_by_rule(shapes: Mapping[str, tuple[int, ...]], *, seed: int = SEED) -> dict[str, Array]:
    """Return reference name -> float32 array for every shape, drawn in the order of the sorted names.

    Raises:
        ValueError: if the rule has no line for a name.
    """
    rng = np.random.default_rng(seed)
    return {name: _draw(rng, name, tuple(shapes[name])).astype(np.float32) for name in sorted(shapes)}


def image_by_rule(height: int, width: int, *, seed: int = SEED) -> Array:
    """Return a normalised image ``[1, height, width, 3]``, float32."""
    return np.random.default_rng(seed + 1).normal(0, 1, (1, height, width, 3)).astype(np.float32)


def _draw(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    if name.endswith(("gamma", "moving_variance")):
        return np.asarray(rng.uniform(0.6, 1.4, shape))
    if name.endswith(("beta", "moving_mean")):
        return np.asarray(rng.normal(0, 0.1, shape))
    if "WSM" in name:
        return np.asarray(rng.uniform(-0.1, 1.5, shape))  # negative ones test the relu
    if name.endswith("bias"):
        return rng.normal(0, 0.1, shape) + (CLASS_BIAS if "class-predict" in name else 0.0)
    if name.endswith("depthwise_kernel"):
        return np.asarray(rng.normal(0, 1 / np.sqrt(shape[0] * shape[1]), shape))
    if name.endswith("kernel"):
        return np.asarray(rng.normal(0, 1.2 / np.sqrt(np.prod(shape[:-1])), shape))
    raise ValueError(f"no rule for the variable {name!r}: expected a name as the reference's")
