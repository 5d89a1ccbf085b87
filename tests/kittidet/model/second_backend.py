"""Run d0 by rule on the backend of KERAS_BACKEND and keep its outputs; started by test_efficientdet.py."""

import sys
from functools import partial

import keras
import numpy as np
from keras import ops

from kittidet.model.batch_statistics import normalize_by_own
from kittidet.model.efficientdet import build_efficientdet
from kittidet.model.pretrained import load_reference_arrays
from kittidet.model.reference_names import reference_variables
from kittidet.model.reference_rule import image_by_rule, weights_by_rule
from kittidet.training.losses import focal_loss
from kittidet.training.targets import Targets


def batch_norm(x, gamma, *, written_out: bool):
    if not written_out:
        mean, variance = ops.moments(x, axes=(0, 1, 2))
        normal = (x - mean) * ops.rsqrt(variance + 1e-3) * gamma + 0.3
        return normal * ops.sigmoid(normal)
    options = {"momentum": 0.99, "epsilon": 1e-3, "activation": "swish"}
    outputs, *_ = normalize_by_own(x, gamma, ops.full(gamma.shape, 0.3), gamma, (gamma, gamma), **options)
    return outputs


def focal(logits, *, written_out: bool):
    label, smoothing, alpha, gamma = np.zeros((1, 6, 4), np.float32), 0.1, 0.25, 1.5
    label[0, 2, 1] = 1.0
    if written_out:
        class_ids = ops.convert_to_tensor(np.array([[0, 0, 2, 0, 0, 0]], np.int32))
        nothing = ops.zeros((1, 6), dtype="bool")
        targets = Targets(
            is_positive=class_ids > 0, is_ignored=nothing, class_ids=class_ids, box_codes=None, num_positives=None
        )
        return focal_loss(logits, targets, normalizer=2.0, alpha=alpha, gamma=gamma, label_smoothing=smoothing)
    label = ops.convert_to_tensor(label)
    p = ops.sigmoid(logits)
    wrong = label * (1 - p) + (1 - label) * p
    entropy = ops.softplus(logits) - logits * (label * (1 - smoothing) + 0.5 * smoothing)
    return ops.sum((label * alpha + (1 - label) * (1 - alpha)) * wrong**gamma * entropy) / 2.0


def gradient(loss, x: np.ndarray) -> np.ndarray:
    if keras.backend.backend() == "jax":
        import jax

        return np.asarray(jax.jit(jax.grad(loss))(x))
    value = ops.convert_to_tensor(x).detach().requires_grad_(True)
    loss(value).backward()
    return value.grad.cpu().numpy()


def gradient_differences() -> dict[str, float]:
    """Return how far the gradients that are written out are from those the backend derives of the plain formulas."""
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(2, 4, 3, 3, 5)).astype(np.float32)
    gamma = ops.convert_to_tensor(np.linspace(0.5, 1.5, x.shape[-1], dtype=np.float32))
    weight = ops.convert_to_tensor(weight)
    logits = rng.normal(scale=3, size=(1, 6, 4)).astype(np.float32)

    def normalised(value, *, written_out):
        return ops.sum(batch_norm(value, gamma, written_out=written_out) * weight)

    differences = {}
    for name, loss, at in (("batch_norm", normalised, x), ("focal", focal, logits)):
        ours, plain = (gradient(partial(loss, written_out=own), at) for own in (True, False))
        differences[f"{name}_gradient_difference"] = float(np.abs(ours - plain).max() / np.abs(plain).max())
    return differences


def nothing_drawn(_self, shape, dtype=None, **_more):
    return np.zeros(shape, dtype or "float32")


def main(result: str) -> None:
    # Every weight is replaced; to draw them first, JAX would compile a program for each of their shapes.
    keras.initializers.RandomNormal.__call__ = keras.initializers.VarianceScaling.__call__ = nothing_drawn
    model = build_efficientdet("d0", 3, (128, 256))
    shapes = {name: tuple(v.shape) for name, v in reference_variables(model).items()}
    load_reference_arrays(model, weights_by_rule(shapes), strict=True)
    arrays = model.predict_on_batch(image_by_rule(128, 256))
    np.savez(result, backend=keras.backend.backend(), **gradient_differences(), **arrays)


if __name__ == "__main__":
    main(sys.argv[1])
