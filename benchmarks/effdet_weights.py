"""This project's D0 weights under effdet's names and in PyTorch's layouts, so that both sides start from the same."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# Of EfficientNet-B0's stages; timm counts blocks by stage, the reference through all of them.
_REPEATS = (1, 2, 2, 3, 3, 4, 1)
_PLACES = [f"{stage}.{i}" for stage, count in enumerate(_REPEATS) for i in range(count)]
_FIRST_LEVEL = 3
_NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
# Kernels are [h, w, in, out], those of depthwise convolutions [h, w, in, 1]; PyTorch's [out, in, h, w], [in, 1, h, w].
_KERNELS = {"kernel": ("weight", (3, 2, 0, 1)), "depthwise_kernel": ("conv_dw.weight", (2, 3, 0, 1))}
_KERNELS["pointwise_kernel"] = ("conv_pw.weight", (3, 2, 0, 1))
_NUMBERED = {"": 0, "_1": 1, "_2": 2}


def effdet_weights(named: Mapping[str, Array]) -> dict[str, Array]:
    """Return effdet's name -> array, as its ``load_state_dict`` takes them.

    Args:
        named: reference name -> array, of all variables of D0.
    """
    found: dict[str, Array] = {}
    fusion: dict[str, list[Array]] = {}
    for name, array in named.items():
        module, leaf = name.rsplit("/", 1)
        if leaf.startswith("WSM"):
            fusion.setdefault(_node(module), []).append(array)
        elif leaf in _NORM:
            found[f"{_module(module)}.{_NORM[leaf]}"] = array
        elif leaf in _KERNELS:
            suffix, axes = _KERNELS[leaf]
            own = suffix.removeprefix("conv_dw.") if "depthwise_conv2d" in module else suffix
            found[f"{_module(module)}.{own}"] = array.transpose(axes)
        else:
            inside = "" if "conv2d" in module else ".conv_pw"
            found[f"{_module(module)}{inside}.bias"] = array
    # One scalar an input, in the order of the inputs.
    return found | {f"{node}.combine.edge_weights": np.stack(scalars) for node, scalars in fusion.items()}


def _node(module: str) -> str:
    cell, node = re.fullmatch(r"fpn_cells/cell_(\d)/fnode(\d)", module).groups()
    return f"fpn.cell.{cell}.fnode.{node}"


def _module(module: str) -> str:
    """Return effdet's name of a layer."""
    first, *rest = module.split("/")
    if first.startswith("efficientnet"):
        return f"backbone.{_backbone(rest)}"
    if first == "resample_p6":
        return f"fpn.resample.{_FIRST_LEVEL}.conv.{_projection(rest[0])}"
    if first == "fpn_cells":
        node, inside = _node("/".join([first, *rest[:2]])), rest[2]
        if inside.startswith("resample"):
            offset = inside.split("_")[2]
            return f"{node}.combine.resample.{offset}.conv.{_projection(rest[3])}"
        return f"{node}.after_combine.conv{'.bn' if rest[3] == 'bn' else ''}"
    _, number, *norm = rest[0].split("-")
    if number == "predict":
        return f"{first}.predict"
    return f"{first}.bn_rep.{number}.{int(norm[1]) - _FIRST_LEVEL}.bn" if norm else f"{first}.conv_rep.{number}"


def _projection(layer: str) -> str:
    return "bn" if layer == "bn" else "conv"


def _backbone(rest: list[str]) -> str:
    if rest[0] == "stem":
        return "conv_stem" if rest[1] == "conv2d" else "bn1"
    block, kind = int(rest[0].removeprefix("blocks_")), rest[1]
    place = f"blocks.{_PLACES[block]}"
    if kind == "se":
        return f"{place}.se.{('conv_reduce', 'conv_expand')[_NUMBERED[rest[2].removeprefix('conv2d')]]}"
    if kind == "depthwise_conv2d":
        return f"{place}.conv_dw"
    # The first block does not expand: its only plain convolution projects, and has timm's other name.
    if kind.startswith("conv2d"):
        return f"{place}.{('conv_pw', 'conv_pwl')[_NUMBERED[kind.removeprefix('conv2d')]]}"
    return f"{place}.bn{_NUMBERED[kind.removeprefix('tpu_batch_normalization')] + 1}"
