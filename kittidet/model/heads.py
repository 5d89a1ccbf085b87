"""The two prediction networks: one classifies an anchor, the other adjusts its box.

Convolutions are shared by all levels, batch norms are not.
"""

import math
from typing import Any

import keras
from keras import ops

from kittidet.model.normalization import build_norm, convolve, make_norm, normalized_convolution
from kittidet.model.scaling import ANCHORS_PER_CELL, Activation, VariantSpec, variant_spec

# The focal loss prior: initially every anchor predicts "object" with this probability.
PRIOR = 0.01
CLASS_BIAS = -math.log((1.0 - PRIOR) / PRIOR)


class SharedConvolution(keras.layers.Layer):
    """Separable 3x3 convolution with bias, and one batch norm per level (none on the predicting layer)."""

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        norms: int,
        bias: float = 0.0,
        activation: Activation | None = None,
        folded: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.channels_in = channels_in
        self.channels_out = channels_out
        self.bias_value = bias
        self.activation = activation
        self.folded = folded and norms > 0
        self.norms = [make_norm(f"norm_{i}", folded=folded) for i in range(norms)]

    def build(self, input_shape: Any = None) -> None:  # noqa: ARG002  shapes are known from the variant
        """Create kernels, bias and batch norms."""

        def fan_in() -> keras.initializers.Initializer:
            return keras.initializers.VarianceScaling(scale=1.0, mode="fan_in", distribution="truncated_normal")

        self.depthwise_kernel = self.add_weight(
            shape=(3, 3, self.channels_in, 1), initializer=fan_in(), name="depthwise_kernel"
        )
        pointwise = (1, 1, self.channels_in, self.channels_out)
        self.pointwise_kernel = self.bias = None
        if not self.folded:
            self.pointwise_kernel = self.add_weight(shape=pointwise, initializer=fan_in(), name="pointwise_kernel")
            self.bias = self.add_weight(
                shape=(self.channels_out,), initializer=keras.initializers.Constant(self.bias_value), name="bias"
            )
        for norm in self.norms:
            build_norm(norm, pointwise)
        self.built = True

    def call(self, inputs: Any, level: int = 0, *, training: bool | None = None) -> Any:
        """Return the map ``[b, h, w, channels_out]`` for the level at position ``level``."""
        x = convolve(inputs, self.depthwise_kernel, kind="depthwise")
        if not self.norms:
            return convolve(x, self.pointwise_kernel, kind="full") + ops.cast(self.bias, x.dtype)
        return normalized_convolution(
            x,
            self.pointwise_kernel,
            self.norms[level],
            kind="full",
            bias=self.bias,
            activation=self.activation,
            training=training,
        )


@keras.saving.register_keras_serializable(package="kittidet")
class PredictionHead(keras.layers.Layer):
    """From feature maps of all levels to ``values`` numbers per anchor.

    Args:
        variant: name for ``variant_spec``.
        values: numbers predicted per anchor.
        bias: initial bias of the predicting convolution.
        folded: whether batch norms are folded into their convolutions.
        **kwargs: passed to ``keras.layers.Layer``.
    """

    def __init__(self, variant: str, values: int, bias: float = 0.0, *, folded: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.values = values
        self.spec: VariantSpec = variant_spec(variant)
        channels = self.spec.fpn_channels
        self.convolutions = [
            SharedConvolution(
                channels,
                channels,
                norms=len(self.spec.levels),
                activation=self.spec.activation,
                folded=folded,
                name=f"repeat_{i}",
            )
            for i in range(self.spec.head_repeats)
        ]
        self.predict = SharedConvolution(channels, ANCHORS_PER_CELL * values, norms=0, bias=bias, name="predict")

    def build(self, input_shape: Any = None) -> None:  # noqa: ARG002  shapes are known from the variant
        """Create all weights."""
        for convolution in self.convolutions:
            convolution.build()
        self.predict.build()
        self.built = True

    def call(self, inputs: list[Any], *, training: bool | None = None) -> Any:
        """Return float32 ``[b, anchors, values]``: by level (finest first), row, column, anchor of the cell."""
        outputs = []
        for level, x in enumerate(inputs):
            anchors = int(x.shape[1]) * int(x.shape[2]) * ANCHORS_PER_CELL
            for convolution in self.convolutions:
                x = convolution.call(x, level, training=training)  # noqa: PLW2901
            # Channel c of anchor a is a * values + c, so a plain reshape orders anchors as ``build_anchors`` does.
            outputs.append(ops.reshape(self.predict.call(x), (-1, anchors, self.values)))
        return ops.cast(ops.concatenate(outputs, axis=1), "float32")

    def compute_output_spec(self, inputs: list[Any], **_: Any) -> keras.KerasTensor:
        """Return the symbolic result without tracing the call."""
        anchors = sum(int(x.shape[1]) * int(x.shape[2]) for x in inputs) * ANCHORS_PER_CELL
        return keras.KerasTensor((inputs[0].shape[0], anchors, self.values), dtype="float32")
