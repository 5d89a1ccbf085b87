"""EfficientNet B0-B7 and Lite0-4 as feature extractors: from an image to levels 3, 4 and 5.

The classifier head is not built. The reference's weight names are in ``reference_names``.
"""

from typing import Any

import keras
from keras import ops

from kittidet.model.activation import activate
from kittidet.model.normalization import FoldedNorm, build_norm, convolve, make_norm, normalized_convolution
from kittidet.model.scaling import Activation, BlockSpec, backbone_spec, feature_sizes

FIRST_LEVEL = 3
LAST_LEVEL = 5


def kernel_initializer(kernel: int, channels_out: int) -> keras.initializers.Initializer:
    """Return the backbone's initialiser: normal with variance ``2 / (kernel * kernel * channels_out)``.

    A depth-wise kernel ``[k, k, c, 1]`` has one output channel in this formula.
    """
    return keras.initializers.RandomNormal(stddev=(2.0 / (kernel * kernel * channels_out)) ** 0.5)


class SqueezeExcite(keras.layers.Layer):
    """Gate each channel by a small network over all channel means."""

    def __init__(self, channels: int, bottleneck: int, activation: Activation, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.bottleneck = bottleneck
        self.activation = activation

    def build(self, input_shape: Any = None) -> None:  # noqa: ARG002  shapes are known from the variant
        """Create both 1x1 kernels and their biases."""
        squeezed, full = self.bottleneck, self.channels
        self.reduce_kernel = self.add_weight(
            shape=(1, 1, full, squeezed), initializer=kernel_initializer(1, squeezed), name="reduce_kernel"
        )
        self.reduce_bias = self.add_weight(shape=(squeezed,), initializer="zeros", name="reduce_bias")
        self.expand_kernel = self.add_weight(
            shape=(1, 1, squeezed, full), initializer=kernel_initializer(1, full), name="expand_kernel"
        )
        self.expand_bias = self.add_weight(shape=(full,), initializer="zeros", name="expand_bias")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return ``[b, h, w, c]`` gated."""
        dtype = inputs.dtype
        mean = ops.mean(inputs, axis=(1, 2), keepdims=True)  # [b, 1, 1, c]
        reduced = convolve(mean, self.reduce_kernel, kind="full") + ops.cast(self.reduce_bias, dtype)
        reduced = activate(reduced, self.activation)
        gate = convolve(reduced, self.expand_kernel, kind="full") + ops.cast(self.expand_bias, dtype)
        return inputs * ops.sigmoid(gate)


class InvertedResidual(keras.layers.Layer):
    """MBConv: expand, filter spatially, gate, project, and add the input if the shapes match."""

    def __init__(
        self, spec: BlockSpec, activation: Activation, seed: Any, *, folded: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.spec = spec
        self.activation = activation
        self.seed_generator = seed
        inner = spec.channels_in * spec.expand
        self.expand_norm = make_norm("expand_norm", folded=folded) if spec.expand != 1 else None
        self.depthwise_norm = make_norm("depthwise_norm", folded=folded)
        self.squeeze_excite = (
            None if spec.se_channels is None else SqueezeExcite(inner, spec.se_channels, activation, name="se")
        )
        self.project_norm = make_norm("project_norm", folded=folded)

    def build(self, input_shape: Any = None) -> None:  # noqa: ARG002  shapes are known from the variant
        """Create the kernels and batch norms."""
        spec = self.spec
        inner = spec.channels_in * spec.expand
        self.expand_kernel = None
        if self.expand_norm is not None:
            self.expand_kernel = self._add_kernel("expand", (1, 1, spec.channels_in, inner), self.expand_norm)
        depthwise = (spec.kernel, spec.kernel, inner, 1)
        self.depthwise_kernel = self._add_kernel("depthwise", depthwise, self.depthwise_norm)
        if self.squeeze_excite is not None:
            self.squeeze_excite.build()
        project = (1, 1, inner, spec.channels_out)
        self.project_kernel = self._add_kernel("project", project, self.project_norm)
        self.built = True

    def _add_kernel(self, name: str, shape: tuple[int, ...], norm: Any) -> Any:
        build_norm(norm, shape)
        if isinstance(norm, FoldedNorm):
            return None
        return self.add_weight(shape=shape, initializer=kernel_initializer(shape[0], shape[-1]), name=f"{name}_kernel")

    def call(self, inputs: Any, *, training: bool | None = None) -> Any:
        """Return ``[b, ceil(h / stride), ceil(w / stride), channels_out]``."""
        spec = self.spec
        x = inputs
        if self.expand_norm is not None:
            x = normalized_convolution(
                x, self.expand_kernel, self.expand_norm, kind="full", activation=self.activation, training=training
            )
        x = normalized_convolution(
            x,
            self.depthwise_kernel,
            self.depthwise_norm,
            kind="depthwise",
            strides=spec.stride,
            activation=self.activation,
            training=training,
        )
        if self.squeeze_excite is not None:
            x = self.squeeze_excite.call(x)
        x = normalized_convolution(x, self.project_kernel, self.project_norm, kind="full", training=training)
        if not spec.has_skip:
            return x
        if training and spec.survival_prob < 1.0:
            x = drop_connect(x, spec.survival_prob, self.seed_generator)
        return x + inputs


def drop_connect(inputs: Any, survival_prob: float, seed: Any) -> Any:
    """Zero whole samples of ``[b, h, w, c]`` with probability ``1 - survival_prob``, scaling the rest up to match."""
    draws = keras.random.uniform((ops.shape(inputs)[0], 1, 1, 1), dtype="float32", seed=seed)
    kept = ops.floor(survival_prob + draws) / survival_prob
    return inputs * ops.cast(kept, inputs.dtype)


@keras.saving.register_keras_serializable(package="kittidet")
class Backbone(keras.layers.Layer):
    """An EfficientNet whose call returns the feature maps of levels 3, 4 and 5.

    Args:
        backbone: name for ``backbone_spec``.
        seed: seeds the drop-connect draws; None picks one at random.
        folded: whether batch norms are folded into their convolutions.
        **kwargs: passed to ``keras.layers.Layer``.
    """

    def __init__(self, backbone: str, seed: int | None = None, *, folded: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folded = folded
        self.backbone = backbone
        self.spec = backbone_spec(backbone)
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.stem_norm = make_norm("stem_norm", folded=folded)
        self.blocks = [
            InvertedResidual(block, self.spec.activation, self.seed_generator, folded=folded, name=f"blocks_{i}")
            for i, block in enumerate(self.spec.blocks)
        ]

    def build(self, input_shape: Any = None) -> None:  # noqa: ARG002  shapes are known from the variant
        """Create the stem's kernel and every block's weights."""
        stem = self.spec.stem_filters
        build_norm(self.stem_norm, (3, 3, 3, stem))
        self.stem_kernel = None
        if not self.folded:
            self.stem_kernel = self.add_weight(
                shape=(3, 3, 3, stem), initializer=kernel_initializer(3, stem), name="stem_kernel"
            )
        for block in self.blocks:
            block.build()
        self.built = True

    def call(self, images: Any, *, training: bool | None = None) -> list[Any]:
        """Return the maps of levels 3, 4, 5, finest first, of normalised images ``[b, h, w, 3]``."""
        x = normalized_convolution(
            images,
            self.stem_kernel,
            self.stem_norm,
            kind="full",
            strides=2,
            activation=self.spec.activation,
            training=training,
        )
        outputs = []
        for block in self.blocks:
            x = block.call(x, training=training)
            outputs.append(x)
        # reductions[0] belongs to level 1.
        return [outputs[self.spec.reductions[level - 1]] for level in range(FIRST_LEVEL, LAST_LEVEL + 1)]

    def compute_output_shape(self, input_shape: Any) -> list[tuple[int | None, ...]]:
        """Return the shapes of levels 3, 4, 5 for ``[b, h, w, 3]``."""
        batch, height, width, _ = input_shape
        sizes = feature_sizes((height, width), LAST_LEVEL)
        return [
            (batch, *sizes[level], self.spec.blocks[self.spec.reductions[level - 1]].channels_out)
            for level in range(FIRST_LEVEL, LAST_LEVEL + 1)
        ]
