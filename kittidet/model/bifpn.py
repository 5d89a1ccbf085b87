"""The bidirectional feature pyramid: five (d7x: six) levels of equal width, mixed top-down and bottom-up.

Source:
    google/automl ``fpn_configs.py`` (the node rule) and ``efficientdet_keras.py`` (``FNode``, ``OpAfterCombine``).
"""

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from kittidet.model.activation import activate
from kittidet.model.normalization import FoldedNorm, build_norm, convolve, make_norm, normalized_convolution
from kittidet.model.resample import ChannelProjection, resize_to
from kittidet.model.scaling import Activation, Fusion, VariantSpec, feature_sizes, variant_spec

FUSION_EPSILON = 1e-4


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One node of a cell: its level, and its inputs as positions in [levels..., nodes so far...]."""

    level: int
    inputs: tuple[int, ...]


def cell_nodes(min_level: int, max_level: int) -> tuple[NodeSpec, ...]:
    """Return the nodes of one cell: top-down to the finest level, then bottom-up to the coarsest.

    A top-down node adds the newest map of its level and of the one above; a bottom-up node adds all maps of its level
    and the newest of the one below.
    """
    maps = {level: [position] for position, level in enumerate(range(min_level, max_level + 1))}
    count = len(maps)
    nodes = []
    for level in range(max_level - 1, min_level - 1, -1):
        nodes.append(NodeSpec(level, (maps[level][-1], maps[level + 1][-1])))
        maps[level].append(count)
        count += 1
    for level in range(min_level + 1, max_level + 1):
        nodes.append(NodeSpec(level, (*maps[level], maps[level - 1][-1])))
        maps[level].append(count)
        count += 1
    return tuple(nodes)


class FusionNode(keras.layers.Layer):
    """Add the inputs with learned weights, activate, convolve (separable 3x3), normalise."""

    def __init__(
        self,
        node: NodeSpec,
        channels: int,
        input_channels: tuple[int, ...],
        *,
        fusion: Fusion,
        activation: Activation,
        folded: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.node = node
        self.channels = channels
        self.fusion = fusion
        self.activation = activation
        # Only maps straight from the backbone have a different width; each use has its own projection.
        self.projections = {
            str(i): ChannelProjection(width, channels, folded=folded, name=f"projection_{i}")
            for i, width in enumerate(input_channels)
            if width != channels
        }
        self.norm = make_norm("norm", folded=folded)

    def build(self, input_shape: Any = None) -> None:  # noqa: ARG002  shapes are known from the variant
        """Create fusion weights, kernels, bias, batch norm and projections."""
        weights = len(self.node.inputs) if self.fusion == "fastattn" else 0
        self.fusion_weights = [
            self.add_weight(shape=(), initializer="ones", name=f"fusion_weight_{i}") for i in range(weights)
        ]
        for projection in self.projections.values():
            projection.build()
        self.depthwise_kernel = self.add_weight(
            shape=(3, 3, self.channels, 1), initializer=keras.initializers.GlorotUniform(), name="depthwise_kernel"
        )
        pointwise = (1, 1, self.channels, self.channels)
        build_norm(self.norm, pointwise)
        self.pointwise_kernel = self.bias = None
        if not isinstance(self.norm, FoldedNorm):
            self.pointwise_kernel = self.add_weight(
                shape=pointwise, initializer=keras.initializers.GlorotUniform(), name="pointwise_kernel"
            )
            self.bias = self.add_weight(shape=(self.channels,), initializer="zeros", name="bias")
        self.built = True

    def call(self, inputs: list[Any], target_hw: tuple[int, int], *, training: bool | None = None) -> Any:
        """Return the node's map ``[b, target_h, target_w, channels]``."""
        x = activate(self.fuse(inputs, target_hw, training=training), self.activation)
        x = convolve(x, self.depthwise_kernel, kind="depthwise")
        return normalized_convolution(
            x, self.pointwise_kernel, self.norm, kind="full", bias=self.bias, training=training
        )

    def fuse(self, inputs: list[Any], target_hw: tuple[int, int], *, training: bool | None) -> Any:
        """Return the weighted sum of the inputs, each projected and resized, ``[b, target_h, target_w, channels]``."""
        shares: list[Any] = [None] * len(inputs)
        if self.fusion_weights:
            weights = ops.relu(ops.stack([ops.cast(weight, "float32") for weight in self.fusion_weights]))
            shares = ops.unstack(ops.cast(weights / (ops.sum(weights) + FUSION_EPSILON), inputs[0].dtype))
        terms = []
        for i, (x, share) in enumerate(zip(inputs, shares, strict=True)):
            projection = self.projections.get(str(i))
            projected = x if projection is None else projection.call(x, training=training)
            # Weighted before enlarging: the same numbers for a quarter of the multiplications. A weight is
            # never negative, so weighting may also come before max-pooling.
            terms.append(resize_to(projected if share is None else projected * share, target_hw))
        return sum(terms[1:], terms[0])


@keras.saving.register_keras_serializable(package="kittidet")
class BiFpn(keras.layers.Layer):
    """From feature maps of levels 3, 4, 5 to maps of every level of the variant, all ``fpn_channels`` wide.

    Args:
        variant: name for ``variant_spec``.
        input_channels: channels of the maps 3, 4 and 5.
        folded: whether batch norms are folded into their convolutions.
        **kwargs: passed to ``keras.layers.Layer``.
    """

    def __init__(self, variant: str, input_channels: tuple[int, ...], *, folded: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spec: VariantSpec = variant_spec(variant)
        channels, levels = self.spec.fpn_channels, self.spec.levels
        self.nodes = cell_nodes(self.spec.min_level, self.spec.max_level)
        self.level6_projection = (
            None
            if input_channels[-1] == channels
            else ChannelProjection(input_channels[-1], channels, folded=folded, name="resample_p6")
        )
        widths = [*input_channels] + [channels] * (len(levels) - len(input_channels) + len(self.nodes))
        self.cells = [
            [
                FusionNode(
                    node,
                    channels,
                    tuple(widths[i] if cell == 0 else channels for i in node.inputs),
                    fusion=self.spec.fusion,
                    activation=self.spec.activation,
                    folded=folded,
                    name=f"cell_{cell}_fnode{position}",
                )
                for position, node in enumerate(self.nodes)
            ]
            for cell in range(self.spec.fpn_cells)
        ]

    def build(self, input_shape: Any = None) -> None:  # noqa: ARG002  shapes are known from the variant
        """Create all weights."""
        if self.level6_projection is not None:
            self.level6_projection.build()
        for cell in self.cells:
            for node in cell:
                node.build()
        self.built = True

    def call(self, inputs: list[Any], *, training: bool | None = None) -> list[Any]:
        """Return one map ``[b, h_l, w_l, fpn_channels]`` per level, finest first."""
        sizes = self._sizes([tuple(x.shape) for x in inputs])
        maps = list(inputs)
        x = inputs[-1]
        if self.level6_projection is not None:
            x = self.level6_projection.call(x, training=training)
        for size in sizes[len(inputs) :]:
            x = resize_to(x, size)
            maps.append(x)
        for cell in self.cells:
            everything = list(maps)
            for node in cell:
                chosen = [everything[i] for i in node.node.inputs]
                everything.append(node.call(chosen, sizes[node.node.level - self.spec.min_level], training=training))
            # The newest map of each level: for the finest, the last top-down node; for the others, the bottom-up ones.
            maps = everything[-len(sizes) :]
        return maps

    def _sizes(self, shapes: list[tuple[Any, ...]]) -> list[tuple[int, int]]:
        sizes = [(int(shape[1]), int(shape[2])) for shape in shapes]
        coarser = feature_sizes(sizes[-1], len(self.spec.levels) - len(sizes))
        return [*sizes, *coarser[1:]]

    def compute_output_shape(self, input_shape: Any) -> list[tuple[int | None, ...]]:
        """Return the shapes of all levels."""
        sizes = self._sizes(input_shape)
        return [(input_shape[0][0], *size, self.spec.fpn_channels) for size in sizes]
