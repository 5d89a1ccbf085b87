"""Run d0 by rule on the backend of KERAS_BACKEND and keep its outputs; started by test_efficientdet.py."""

import sys

import keras
import numpy as np
from keras import ops

from kittidet.model.efficientdet import build_efficientdet
from kittidet.model.normalization import normalize_and_activate
from kittidet.model.pretrained import load_reference_arrays
from kittidet.model.reference_names import reference_variables
from kittidet.model.reference_rule import image_by_rule, weights_by_rule


def batch_norm(x, gamma, *, written_out: bool):
    mean, variance = ops.moments(x, axes=(0, 1, 2))
    inverse = ops.rsqrt(variance + 1e-3)
    if not written_out:
        normal = (x - mean) * inverse * gamma + 0.3
        return normal * ops.sigmoid(normal)
    beta = ops.full(gamma.shape, 0.3)
    centred, inverse = ops.stop_gradient(x - mean), ops.stop_gradient(inverse)
    return normalize_and_activate(x, gamma, beta, gamma, centred, inverse, ops.cast(x.shape[0] * 9, "float32"), "swish")


def gradient(x: np.ndarray, weight: np.ndarray, *, written_out: bool) -> np.ndarray:
    gamma = ops.convert_to_tensor(np.linspace(0.5, 1.5, x.shape[-1], dtype=np.float32))
    if keras.backend.backend() == "jax":
        import jax

        def loss(value):
            return ops.sum(batch_norm(value, gamma, written_out=written_out) * weight)

        return np.asarray(jax.grad(loss)(x))
    value = ops.convert_to_tensor(x).detach().requires_grad_(True)
    ops.sum(batch_norm(value, gamma, written_out=written_out) * ops.convert_to_tensor(weight)).backward()
    return value.grad.cpu().numpy()


def main(result: str) -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(2, 4, 3, 3, 5)).astype(np.float32)
    difference = np.abs(gradient(x, weight, written_out=True) - gradient(x, weight, written_out=False)).max()
    model = build_efficientdet("d0", 3, (128, 256))
    shapes = {name: tuple(v.shape) for name, v in reference_variables(model).items()}
    load_reference_arrays(model, weights_by_rule(shapes), strict=True)
    outputs = model(image_by_rule(128, 256), training=False)
    arrays = {key: ops.convert_to_numpy(value) for key, value in outputs.items()}
    np.savez(result, backend=keras.backend.backend(), gradient_difference=difference, **arrays)


if __name__ == "__main__":
    main(sys.argv[1])
