"""The numbers that distinguish the EfficientDets: one table for the detectors, one for their backbones.

Knows nothing of layers. Use ``variant_spec`` and ``backbone_spec`` to get these numbers.

Source:
    Tan et al. 2020 (EfficientDet) and 2019 (EfficientNet); google/automl ``hparams_config.py``,
    ``efficientnet_builder.py``, ``efficientnet_lite_builder.py``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Activation = Literal["swish", "relu6"]
Fusion = Literal["fastattn", "sum"]
Rgb = tuple[float, float, float]

# RGB 0..255, the values the published weights were trained with.
IMAGENET_MEAN: Rgb = (0.485 * 255, 0.456 * 255, 0.406 * 255)
IMAGENET_STD: Rgb = (0.229 * 255, 0.224 * 255, 0.225 * 255)
LITE_MEAN: Rgb = (127.0, 127.0, 127.0)
LITE_STD: Rgb = (128.0, 128.0, 128.0)

NUM_SCALES = 3
ASPECT_RATIOS = (1.0, 2.0, 0.5)  # width / height
ANCHORS_PER_CELL = NUM_SCALES * len(ASPECT_RATIOS)

STEM_FILTERS = 32
LITE_STEM_FILTERS = 32
SE_RATIO = 0.25
SURVIVAL_PROB = 0.8


@dataclass(frozen=True, slots=True)
class BlockSpec:
    """One inverted residual block.

    Attributes:
        kernel: side of the depth-wise kernel, pixels.
        stride: stride of the depth-wise convolution.
        expand: channels inside the block per input channel; 1 means no expansion convolution.
        channels_in: input channels.
        channels_out: output channels.
        se_channels: channels of the squeeze-and-excite bottleneck, None without one.
        survival_prob: probability that a sample keeps this block's residual branch in training; 1.0 is always.
    """

    kernel: int
    stride: int
    expand: int
    channels_in: int
    channels_out: int
    se_channels: int | None
    survival_prob: float

    @property
    def has_skip(self) -> bool:
        """Whether the block's input is added to its output."""
        return self.stride == 1 and self.channels_in == self.channels_out


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """An EfficientNet without its classifier.

    Attributes:
        name: as in the published checkpoints, such as ``efficientnet-b0``.
        stem_filters: channels after the first convolution.
        activation: after every batch norm except a block's last.
        blocks: in order.
    """

    name: str
    stem_filters: int
    activation: Activation
    blocks: tuple[BlockSpec, ...]

    @property
    def reductions(self) -> tuple[int, ...]:
        """Indices of the blocks whose outputs have strides 2, 4, 8, 16 and 32."""
        before_stride = [i - 1 for i, block in enumerate(self.blocks) if block.stride == 2]
        return (*before_stride, len(self.blocks) - 1)


@dataclass(frozen=True, slots=True)
class VariantSpec:
    """One published EfficientDet.

    Attributes:
        name: such as ``d0`` or ``lite3x``.
        backbone: name for ``backbone_spec``.
        input_hw: (height, width) the published weights were trained at, pixels; any other size works.
        fpn_channels: channels of every BiFPN and head tensor.
        fpn_cells: BiFPN cells in a row.
        head_repeats: convolutions of a head before the predicting layer.
        anchor_scale: side of the smallest anchor of a level, in strides of that level.
        fusion: how a BiFPN node combines its inputs.
        max_level: the coarsest feature level, stride ``2 ** max_level``.
        activation: in BiFPN and heads (the backbone's is the same).
        pixel_mean: subtracted from RGB 0..255.
        pixel_std: divided by afterwards.
        min_level: the finest feature level.
    """

    name: str
    backbone: str
    input_hw: tuple[int, int]
    fpn_channels: int
    fpn_cells: int
    head_repeats: int
    anchor_scale: float
    fusion: Fusion
    max_level: int
    activation: Activation
    pixel_mean: Rgb
    pixel_std: Rgb
    min_level: int = 3

    @property
    def levels(self) -> tuple[int, ...]:
        """Feature levels, finest first."""
        return tuple(range(self.min_level, self.max_level + 1))

    @property
    def smallest_side(self) -> int:
        """Length in pixels that the longer image side needs for the coarsest level to differ from the one below it."""
        return 2 ** (self.max_level - 1) + 1


def _d(
    name: str,
    net: str,
    size: int,
    channels: int,
    cells: int,
    repeats: int,
    scale: float = 4.0,
    fusion: Fusion = "fastattn",
    max_level: int = 7,
) -> VariantSpec:
    return VariantSpec(
        name, f"efficientnet-{net}", (size, size), channels, cells, repeats, scale, fusion, max_level,
        "swish", IMAGENET_MEAN, IMAGENET_STD,
    )  # fmt: skip


def _lite(name: str, net: str, size: int, channels: int, cells: int, repeats: int, scale: float) -> VariantSpec:
    return VariantSpec(
        name, f"efficientnet-{net}", (size, size), channels, cells, repeats, scale, "sum", 7,
        "relu6", LITE_MEAN, LITE_STD,
    )  # fmt: skip


_SPECS = (
    _d("d0", "b0", 512, 64, 3, 3),
    _d("d1", "b1", 640, 88, 4, 3),
    _d("d2", "b2", 768, 112, 5, 3),
    _d("d3", "b3", 896, 160, 6, 4),
    _d("d4", "b4", 1024, 224, 7, 4),
    _d("d5", "b5", 1280, 288, 7, 4),
    _d("d6", "b6", 1280, 384, 8, 5, fusion="sum"),
    _d("d7", "b6", 1536, 384, 8, 5, scale=5.0, fusion="sum"),
    _d("d7x", "b7", 1536, 384, 8, 5, fusion="sum", max_level=8),
    _lite("lite0", "lite0", 320, 64, 3, 3, 3.0),
    _lite("lite1", "lite1", 384, 88, 4, 3, 3.0),
    _lite("lite2", "lite2", 448, 112, 5, 3, 3.0),
    _lite("lite3", "lite3", 512, 160, 6, 4, 4.0),
    _lite("lite3x", "lite3", 640, 200, 6, 4, 3.0),
    _lite("lite4", "lite4", 640, 224, 7, 4, 4.0),
)
VARIANT_SPECS: Mapping[str, VariantSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})

# Width and depth multipliers.
_COEFFICIENTS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "b0": (1.0, 1.0), "b1": (1.0, 1.1), "b2": (1.1, 1.2), "b3": (1.2, 1.4),
        "b4": (1.4, 1.8), "b5": (1.6, 2.2), "b6": (1.8, 2.6), "b7": (2.0, 3.1),
        "lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2), "lite3": (1.2, 1.4), "lite4": (1.4, 1.8),
    }
)  # fmt: skip

# For b0: kernel, stride of the first block, expansion, output channels, repeats.
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


def variant_spec(name: str) -> VariantSpec:
    """Return the numbers of one published variant.

    Raises:
        ValueError: listing the known variants.
    """
    if name not in VARIANT_SPECS:
        raise ValueError(f"unknown variant {name!r}: expected one of {', '.join(VARIANT_SPECS)}.")
    return VARIANT_SPECS[name]


def backbone_spec(name: str) -> BackboneSpec:
    """Return the blocks of ``efficientnet-b0``..``b7`` or ``efficientnet-lite0``..``lite4``.

    Raises:
        ValueError: listing the known backbones.
    """
    key = name.removeprefix("efficientnet-")
    if key not in _COEFFICIENTS or key == name:
        known = ", ".join(f"efficientnet-{known}" for known in _COEFFICIENTS)
        raise ValueError(f"unknown backbone {name!r}: expected one of {known}.")
    width, depth = _COEFFICIENTS[key]
    lite = key.startswith("lite")
    shapes: list[tuple[int, int, int, int, int]] = []
    channels = stem = LITE_STEM_FILTERS if lite else round_filters(STEM_FILTERS, width)
    for stage, (kernel, stride, expand, filters, repeats) in enumerate(_STAGES):
        channels_out = round_filters(filters, width)
        # Lite nets keep one block in their first and last stage at every depth.
        repeat_once = lite and stage in {0, len(_STAGES) - 1}
        for repeat in range(repeats if repeat_once else math.ceil(depth * repeats)):
            shapes.append((kernel, stride if repeat == 0 else 1, expand, channels, channels_out))
            channels = channels_out
    # The reference turns drop-connect off only for b0 (not for lite0).
    drop = 0.0 if key == "b0" else 1.0 - SURVIVAL_PROB
    blocks = tuple(
        BlockSpec(
            *shape,
            se_channels=None if lite else max(1, int(shape[3] * SE_RATIO)),
            survival_prob=1.0 - drop * index / len(shapes),
        )
        for index, shape in enumerate(shapes)
    )
    return BackboneSpec(name, stem, "relu6" if lite else "swish", blocks)


def round_filters(filters: int, width: float) -> int:
    """Return ``filters * width`` rounded to a multiple of 8, never more than 10 % down."""
    scaled = filters * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


def feature_sizes(image_hw: tuple[int, int], max_level: int) -> tuple[tuple[int, int], ...]:
    """Return the (height, width) of levels 0 (the image) to ``max_level``; each half the previous one, rounded up."""
    sizes = [image_hw]
    for _ in range(max_level):
        height, width = sizes[-1]
        sizes.append(((height - 1) // 2 + 1, (width - 1) // 2 + 1))
    return tuple(sizes)
