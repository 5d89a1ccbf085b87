"""Makes a trained detector faster without changing its outputs: every batch norm is folded into its convolution."""

import keras
from keras import ops

from kittidet.model.backbone import Backbone, InvertedResidual
from kittidet.model.bifpn import FusionNode
from kittidet.model.efficientdet import EfficientDet
from kittidet.model.heads import SharedConvolution
from kittidet.model.normalization import BatchNorm, ConvolutionKind, FoldedNorm, fold
from kittidet.model.resample import ChannelProjection

Convolution = tuple[BatchNorm | FoldedNorm, keras.Variable | None, keras.Variable | None, ConvolutionKind]


def fold_batch_norm(model: EfficientDet) -> EfficientDet:
    """Return an inference model with the same outputs, up to rounding, and no batch norms.

    The given model is not changed; both can be saved and loaded like any other. The new one cannot be trained.

    Raises:
        ValueError: if the model is already folded.
    """
    if model.folded:
        raise ValueError(f"{model.name} is already folded: it has no batch norm to fold.")
    twin = EfficientDet.from_config({**model.get_config(), "folded": True, "name": f"{model.name}_folded"})
    for layer, folded in zip(model._flatten_layers(), twin._flatten_layers(), strict=True):  # noqa: SLF001  no public walk
        pairs = zip(_convolutions(layer), _convolutions(folded), strict=True)
        for (norm, kernel, bias, kind), (place, *_) in pairs:
            folded_kernel, shift = fold(kernel, norm, kind=kind, bias=bias)
            place.kernel.assign(folded_kernel)
            place.shift.assign(shift)
        _copy_rest(layer, folded)
    twin.trainable = False
    return twin


def _convolutions(layer: keras.layers.Layer) -> list[Convolution]:
    """Return the convolutions of a layer that are followed by a norm: norm, kernel, bias, kind."""
    if isinstance(layer, Backbone):
        return [(layer.stem_norm, layer.stem_kernel, None, "full")]
    if isinstance(layer, InvertedResidual):
        expand: list[Convolution] = []
        if layer.expand_norm is not None:
            expand = [(layer.expand_norm, layer.expand_kernel, None, "full")]
        depthwise: Convolution = (layer.depthwise_norm, layer.depthwise_kernel, None, "depthwise")
        return [*expand, depthwise, (layer.project_norm, layer.project_kernel, None, "full")]
    if isinstance(layer, ChannelProjection):
        return [(layer.norm, layer.kernel, layer.bias, "full")]
    if isinstance(layer, FusionNode):
        return [(layer.norm, layer.pointwise_kernel, layer.bias, "full")]
    if isinstance(layer, SharedConvolution):
        return [(norm, layer.pointwise_kernel, layer.bias, "full") for norm in layer.norms]
    return []


def _copy_rest(layer: keras.layers.Layer, folded: keras.layers.Layer) -> None:
    """Copy the weights that both have: gates, depth-wise kernels, fusion weights, predictions."""
    if isinstance(layer, BatchNorm):
        return
    own = {v.name: v for v in layer._trainable_variables}  # noqa: SLF001  without those of the layers inside
    for variable in folded._trainable_variables:  # noqa: SLF001
        variable.assign(ops.convert_to_tensor(own[variable.name].value))
