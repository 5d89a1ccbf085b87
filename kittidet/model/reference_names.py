"""Maps the reference's variable names to ours; used by every checkpoint reader.

Source:
    Names as in the published google/automl checkpoints.
"""

from collections.abc import Iterator
from typing import Any

import keras

from kittidet.model.backbone import Backbone, InvertedResidual
from kittidet.model.bifpn import BiFpn
from kittidet.model.efficientdet import EfficientDet
from kittidet.model.heads import PredictionHead
from kittidet.model.normalization import BatchNorm
from kittidet.model.resample import ChannelProjection

Named = Iterator[tuple[str, keras.Variable]]

# The variables whose shape depends on the number of classes.
CLASS_ROWS = ("class_net/class-predict/pointwise_kernel", "class_net/class-predict/bias")


def reference_variables(model: EfficientDet) -> dict[str, keras.Variable]:
    """Return reference name -> this model's variable, for all of its weights."""
    spec = model.spec
    named: dict[str, keras.Variable] = {}
    named.update(_backbone(model.get_layer(spec.backbone)))
    named.update(_bifpn(model.get_layer("fpn_cells")))
    for net, part in (("class_net", "class"), ("box_net", "box")):
        named.update(_head(model.get_layer(net), net, part))
    return named


def _norm(norm: BatchNorm, prefix: str) -> Named:
    yield f"{prefix}/gamma", norm.gamma
    yield f"{prefix}/beta", norm.beta
    yield f"{prefix}/moving_mean", norm.moving_mean
    yield f"{prefix}/moving_variance", norm.moving_variance


def _backbone(backbone: Backbone) -> Named:
    root = backbone.backbone
    yield f"{root}/stem/conv2d/kernel", backbone.stem_kernel
    yield from _norm(backbone.stem_norm, f"{root}/stem/tpu_batch_normalization")
    for i, block in enumerate(backbone.blocks):
        yield from _block(block, f"{root}/blocks_{i}")


def _block(block: InvertedResidual, prefix: str) -> Named:
    # Layers of a kind are numbered in order of creation, so numbers are one lower in a block without expansion.
    convolutions = iter(("conv2d", "conv2d_1"))
    norms = iter(("tpu_batch_normalization", "tpu_batch_normalization_1", "tpu_batch_normalization_2"))
    if block.expand_norm is not None:
        yield f"{prefix}/{next(convolutions)}/kernel", block.expand_kernel
        yield from _norm(block.expand_norm, f"{prefix}/{next(norms)}")
    yield f"{prefix}/depthwise_conv2d/depthwise_kernel", block.depthwise_kernel
    yield from _norm(block.depthwise_norm, f"{prefix}/{next(norms)}")
    gate = block.squeeze_excite
    if gate is not None:
        yield f"{prefix}/se/conv2d/kernel", gate.reduce_kernel
        yield f"{prefix}/se/conv2d/bias", gate.reduce_bias
        yield f"{prefix}/se/conv2d_1/kernel", gate.expand_kernel
        yield f"{prefix}/se/conv2d_1/bias", gate.expand_bias
    yield f"{prefix}/{next(convolutions)}/kernel", block.project_kernel
    yield from _norm(block.project_norm, f"{prefix}/{next(norms)}")


def _projection(projection: ChannelProjection, prefix: str) -> Named:
    yield f"{prefix}/conv2d/kernel", projection.kernel
    yield f"{prefix}/conv2d/bias", projection.bias
    yield from _norm(projection.norm, f"{prefix}/bn")


def _separable(layer: Any, prefix: str) -> Named:
    yield f"{prefix}/depthwise_kernel", layer.depthwise_kernel
    yield f"{prefix}/pointwise_kernel", layer.pointwise_kernel
    yield f"{prefix}/bias", layer.bias


def _bifpn(fpn: BiFpn) -> Named:
    if fpn.level6_projection is not None:
        yield from _projection(fpn.level6_projection, "resample_p6")
    levels = len(fpn.spec.levels)
    for cell, nodes in enumerate(fpn.cells):
        for position, node in enumerate(nodes):
            prefix = f"fpn_cells/cell_{cell}/fnode{position}"
            for i, weight in enumerate(node.fusion_weights):
                yield f"{prefix}/WSM" + (f"_{i}" if i else ""), weight
            for key, projection in node.projections.items():
                offset = node.node.inputs[int(key)]
                yield from _projection(projection, f"{prefix}/resample_{key}_{offset}_{levels + position}")
            combine = f"{prefix}/op_after_combine{levels + position}"
            yield from _separable(node, f"{combine}/conv")
            yield from _norm(node.norm, f"{combine}/bn")


def _head(head: PredictionHead, net: str, part: str) -> Named:
    for i, convolution in enumerate(head.convolutions):
        yield from _separable(convolution, f"{net}/{part}-{i}")
        for level, norm in zip(head.spec.levels, convolution.norms, strict=True):
            yield from _norm(norm, f"{net}/{part}-{i}-bn-{level}")
    yield from _separable(head.predict, f"{net}/{part}-predict")
