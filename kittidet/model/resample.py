"""Resamples a feature map to another level: channels by a 1x1 convolution, size by max-pooling or nearest neighbour.

Source:
    google/automl ``efficientdet_keras.py``, ``ResampleFeatureMap`` and ``FPNCells``.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from kittidet.model.normalization import FoldedNorm, build_norm, make_norm, normalized_convolution

Size = tuple[int, int]


class ChannelProjection(keras.layers.Layer):
    """1x1 convolution with bias, then batch norm, no activation."""

    def __init__(self, channels_in: int, channels_out: int, *, folded: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels_in = channels_in
        self.channels_out = channels_out
        self.norm = make_norm("norm", folded=folded)

    def build(self, input_shape: Any = None) -> None:  # noqa: ARG002  shapes are known from the variant
        """Create kernel, bias and batch norm."""
        shape = (1, 1, self.channels_in, self.channels_out)
        build_norm(self.norm, shape)
        self.kernel = self.bias = None
        if not isinstance(self.norm, FoldedNorm):
            self.kernel = self.add_weight(shape=shape, initializer=keras.initializers.GlorotUniform(), name="kernel")
            self.bias = self.add_weight(shape=(self.channels_out,), initializer="zeros", name="bias")
        self.built = True

    def call(self, inputs: Any, *, training: bool | None = None) -> Any:
        """Return ``[b, h, w, channels_out]``."""
        return normalized_convolution(inputs, self.kernel, self.norm, kind="full", bias=self.bias, training=training)


def resize_to(inputs: Any, target_hw: Size) -> Any:
    """Return ``[b, h, w, c]`` as ``[b, target_h, target_w, c]``: max-pooled down or repeated up.

    Raises:
        ValueError: if one axis would grow and the other shrink.
    """
    height, width = int(inputs.shape[1]), int(inputs.shape[2])
    target_h, target_w = target_hw
    if (height, width) == target_hw:
        return inputs
    if height >= target_h and width >= target_w:
        strides = ((height - 1) // target_h + 1, (width - 1) // target_w + 1)
        pool = (strides[0] + 1, strides[1] + 1)
        return ops.max_pool(inputs, pool, strides=strides, padding="same", data_format="channels_last")
    if height <= target_h and width <= target_w:
        return enlarge(inputs, target_hw)
    raise ValueError(f"cannot resample {(height, width)} to {target_hw}: one axis grows and the other shrinks.")


def enlarge(inputs: Any, target_hw: Size) -> Any:
    """Return ``[b, h, w, c]`` enlarged; the source of row ``i`` is ``floor(i * h / target_h)``, same for columns."""
    sizes = int(inputs.shape[1]), int(inputs.shape[2])
    if target_hw == (2 * sizes[0], 2 * sizes[1]):
        # The usual case, where all nearest-neighbour conventions agree, as one operation.
        return ops.image.resize(inputs, target_hw, interpolation="nearest", data_format="channels_last")
    for axis, size, target in zip((1, 2), sizes, target_hw, strict=True):
        if target != size:
            inputs = ops.take(inputs, np.arange(target) * size // target, axis=axis)
    return inputs
