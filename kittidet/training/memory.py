"""How much memory a training will need, from the sizes of its maps and weights alone: known before anything is built.

A sum with measured coefficients (benchmarks/bench_memory.py), for processors: what a GPU's library and allocator add is
not in it. Loads no TensorFlow.
"""

from dataclasses import dataclass

from kittidet.config import BatchNormMode, ModelConfig, TrainConfig
from kittidet.model.scaling import ANCHORS_PER_CELL, BlockSpec, VariantSpec, backbone_spec, feature_sizes, variant_spec

_FLOAT32 = 4
# Of the process with its libraries, and of the loop that a step in parts is, bytes.
_PROCESS, _LOOP = 0.73e9, 0.11e9
# How often the maps of a part are in memory, with what is being computed from them; the images of a batch, of which the
# pipeline has the next ready; and for each weight what there is of it (gradients, moments, averages, what an update
# makes of them) with the graph, which grows as the weights do.
_MAPS, _IMAGES, _WEIGHTS = 1.14, 5, 34.6


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the memory of a training grows with.

    Attributes:
        maps: numbers that a step keeps of one image for its backward pass.
        weights: of the network.
        pixels: numbers in an image of the network's input.
    """

    maps: int
    weights: int
    pixels: int


def predicted_peak(sizes: Sizes, train: TrainConfig, micro_batch: int) -> int:
    """Return the largest memory that a training takes, bytes, scoring between its epochs left out.

    Args:
        sizes: of its detector.
        train: the recipe.
        micro_batch: images that are in memory at a time.
    """
    numbers = _MAPS * micro_batch * sizes.maps + _WEIGHTS * sizes.weights + _IMAGES * train.batch_size * sizes.pixels
    loop = _LOOP if micro_batch < train.batch_size else 0.0
    return round(_PROCESS + loop + _FLOAT32 * numbers)


def sizes_of(model: ModelConfig, *, num_classes: int, batch_norm: BatchNormMode) -> Sizes:
    """Return the sizes of a detector and of what a training step keeps, counted from the numbers of its variant."""
    spec = variant_spec(model.variant)
    areas = [height * width for height, width in feature_sizes(model.input_hw, spec.max_level)]
    # The input of an activation and its output, where both are kept; relu6 needs its output alone. A trained batch norm
    # keeps its centred input too, which is an activation's input where there is one.
    trains = batch_norm == "train"
    activated = 2 if spec.activation == "swish" or trains else 1
    count = _Count(activated=activated, linear=2 if trains else 1)
    _count_backbone(count, spec, areas)
    _count_pyramid(count, spec, areas)
    _count_heads(count, spec, areas, num_classes)
    return Sizes(count.maps, count.weights, 3 * areas[0])


@dataclass(slots=True)
class _Count:
    activated: int
    linear: int
    maps: int = 0
    weights: int = 0

    def add(self, area: int, channels: int, copies: int, weights: int) -> None:
        self.maps += copies * area * channels
        self.weights += weights


def _count_backbone(count: _Count, spec: VariantSpec, areas: list[int]) -> None:
    backbone = backbone_spec(spec.backbone)
    level = 1
    count.add(areas[level], backbone.stem_filters, count.activated, 27 * backbone.stem_filters)
    for block in backbone.blocks:
        inner = block.channels_in * block.expand
        if block.expand != 1:
            count.add(areas[level], inner, count.activated, block.channels_in * inner + 2 * inner)
        level += block.stride - 1
        # Gating keeps what it gates.
        gated = block.se_channels is not None
        count.add(
            areas[level], inner, count.activated + gated, block.kernel**2 * inner + 2 * inner + _gate(block, inner)
        )
        count.add(areas[level], block.channels_out, count.linear + block.has_skip, (inner + 2) * block.channels_out)


def _gate(block: BlockSpec, inner: int) -> int:
    return 0 if block.se_channels is None else (2 * inner + 1) * block.se_channels + inner


def _count_pyramid(count: _Count, spec: VariantSpec, areas: list[int]) -> None:
    width = spec.fpn_channels
    nodes = [*spec.levels[-2::-1], *spec.levels[1:]]
    for cell in range(spec.fpn_cells):
        for level in nodes:
            if cell == 0 and level <= 5:
                count.add(areas[level], width, count.linear, 112 * width)
            # The weighted sum, activated, filtered by channel, mixed.
            activation = 2 if spec.activation == "swish" else 1
            count.add(areas[level], width, activation + 1, 9 * width)
            count.add(areas[level], width, count.linear, (width + 3) * width)


def _count_heads(count: _Count, spec: VariantSpec, areas: list[int], num_classes: int) -> None:
    width = spec.fpn_channels
    for values in (num_classes, 4):
        for level in spec.levels:
            first = level == spec.min_level
            for _ in range(spec.head_repeats):
                count.add(areas[level], width, 1, first * 9 * width)
                count.add(areas[level], width, count.activated, (first * width + 2) * width)
            outputs = ANCHORS_PER_CELL * values
            count.add(areas[level], width, 1, first * 9 * width)
            # The raw numbers, all levels joined, and what the loss keeps of them.
            count.add(areas[level], outputs, 3, first * (width + 1) * outputs)
