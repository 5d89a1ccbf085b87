"""Loads trained weights into an EfficientDet: arrays by reference name, published checkpoints, or our own.

File formats are left to ``checkpoint_files``, locations of published archives to ``published``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from kittidet.classes import ClassTable, coco_table, match_classes
from kittidet.errors import CheckpointMismatchError
from kittidet.model.checkpoint_files import EMA_SUFFIX, read_checkpoint
from kittidet.model.efficientdet import EfficientDet
from kittidet.model.reference_names import CLASS_ROWS, reference_variables
from kittidet.model.scaling import ANCHORS_PER_CELL

Array = npt.NDArray[Any]

_SHOWN = 8  # names in an error message


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The outcome for every variable of a model; each is in exactly one of the first three.

    Attributes:
        loaded: reference names of variables that were loaded completely.
        partly: reference name -> which part was loaded and why not the rest.
        left_alone: reference name -> why it kept its value.
        unused: names of arrays that match no variable.
    """

    loaded: tuple[str, ...]
    partly: Mapping[str, str] = field(default_factory=dict)
    left_alone: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()


def coco_class_map(table: ClassTable) -> dict[int, int]:
    """Return class id of ``table`` -> the COCO class id it can start from, both 1-based.

    A class without a COCO counterpart (a Cyclist is rider and bicycle in one box) is left out, see
    ``classes.match_classes``.
    """
    return match_classes(table, coco_table())


def load_reference_arrays(
    model: EfficientDet,
    arrays: Mapping[str, Array],
    *,
    strict: bool = False,
    class_map: Mapping[int, int] | None = None,
) -> LoadReport:
    """Assign arrays to the variables of the same reference name, and account for every variable.

    Nothing is assigned if an error is raised.

    Args:
        model: from ``build_efficientdet``.
        arrays: reference name (a trailing ``:0`` is allowed) -> float array.
        strict: raise instead of leaving a variable alone or loading it in part.
        class_map: the model's class id -> the arrays' class id, both 1-based. The class rows of the predicting
            convolution are copied accordingly; classes missing from it keep their initial rows. None: rows are
            copied as they are if the numbers of classes agree, else left alone.

    Returns:
        What was loaded, partly loaded, left alone and unused.

    Raises:
        CheckpointMismatchError: naming the variables, if an array is not finite or not numeric, or in strict mode if
            any variable is missing or has another shape.
        ValueError: if ``class_map`` names a class that the model or the arrays do not have.
    """
    named = {name.removesuffix(":0"): array for name, array in arrays.items()}
    variables = reference_variables(model)
    broken = {name: problem for name in variables if name in named and (problem := _problem_of(named[name]))}
    if broken:
        raise CheckpointMismatchError(
            f"{model.name}: {len(broken)} of {len(variables)} arrays are damaged: {_list(broken)}. "
            "Nothing was loaded. Use an earlier checkpoint or fetch this one again."
        )
    values, partly, left_alone = _sort(variables, named, class_map, model.num_classes)
    if strict and (left_alone or partly):
        raise CheckpointMismatchError(
            f"{model.name}: {len(left_alone) + len(partly)} of {len(variables)} variables would not be fully loaded: "
            f"{_list(left_alone | partly)}. Nothing was loaded. Build the variant and number of classes that the "
            "weights are for, or load with strict=False."
        )
    for name, value in values.items():
        variables[name].assign(value.astype(np.float32))
    return LoadReport(
        loaded=tuple(name for name in values if name not in partly),
        partly=partly,
        left_alone=left_alone,
        unused=tuple(sorted(set(named) - set(variables))),
    )


def load_checkpoint(
    model: EfficientDet, path: Path | str, *, ema: bool = True, class_map: Mapping[int, int] | None = None
) -> LoadReport:
    """Load trained weights of the same variant; only the class rows of the last convolution may differ.

    Args:
        model: from ``build_efficientdet``.
        path: a TF1 name-based checkpoint (its folder, prefix or ``.index``), a published Keras ``.h5``, or this
            project's ``.keras`` or ``.weights.h5``.
        ema: use the moving averages of a TF1 checkpoint where present.
        class_map: as in ``load_reference_arrays``; ``coco_class_map(table)`` makes a KITTI model start as a working
            detector from COCO weights. None: with another number of classes the rows keep their initial values.

    Returns:
        What was loaded, partly loaded, left alone and unused.

    Raises:
        CheckpointMismatchError: if the file is missing, truncated, of an unknown kind, of another variant, or holds
            values that are not finite; nothing is loaded then.
    """
    path = Path(path)
    arrays = read_checkpoint(path, model)
    if ema:
        averages = {n.removesuffix(EMA_SUFFIX): a for n, a in arrays.items() if n.endswith(EMA_SUFFIX)}
        arrays = {**arrays, **averages}
    variables = reference_variables(model)
    misfits = {name: why for name, why in _misfits(variables, arrays).items() if name not in CLASS_ROWS}
    if misfits:
        raise CheckpointMismatchError(
            f"{path}: the weights are not for {model.variant}: {len(misfits)} of {len(variables)} variables do "
            f"not fit: {_list(misfits)}. Expected a checkpoint of {model.variant}, got {_describe(arrays)}. Build "
            "that variant, or choose another checkpoint."
        )
    return load_reference_arrays(model, arrays, class_map=class_map)


def _sort(
    variables: Mapping[str, keras.Variable],
    named: Mapping[str, Array],
    class_map: Mapping[int, int] | None,
    num_classes: int,
) -> tuple[dict[str, Array], dict[str, str], dict[str, str]]:
    """Return new values by name, and why some are loaded in part or not at all."""
    left_alone = _misfits(variables, named)
    values = {name: np.asarray(named[name]) for name in variables if name not in left_alone}
    partly: dict[str, str] = {}
    for name in CLASS_ROWS:
        if name not in named:
            continue
        array, variable = np.asarray(named[name]), variables[name]
        if class_map is not None:
            values[name] = _copy_class_rows(variable, array, class_map)
            left_alone.pop(name, None)
            missing = sorted(set(range(1, num_classes + 1)) - set(class_map))
            if missing:
                partly[name] = f"classes {missing} have no counterpart in the class map"
        elif name in left_alone and array.shape[:-1] == tuple(variable.shape)[:-1]:
            classes = array.shape[-1] / ANCHORS_PER_CELL
            left_alone[name] = f"it has {classes:g} classes, the model {num_classes}"
    return values, partly, left_alone


def _misfits(variables: Mapping[str, keras.Variable], arrays: Mapping[str, Array]) -> dict[str, str]:
    found = {}
    for name, variable in variables.items():
        if name not in arrays:
            found[name] = "not in the checkpoint"
        elif np.shape(arrays[name]) != tuple(variable.shape):
            found[name] = f"shape {np.shape(arrays[name])}, expected {tuple(variable.shape)}"
    return found


def _problem_of(value: Array) -> str | None:
    array = np.asarray(value)
    if array.dtype.kind != "f":
        return f"expected floating point numbers, got {array.dtype}"
    wrong = int(array.size - np.isfinite(array).sum())
    return f"{wrong} of {array.size} values are NaN or infinite" if wrong else None


def _copy_class_rows(variable: keras.Variable, array: Array, class_map: Mapping[int, int]) -> Array:
    """Return the variable's value with the mapped classes' rows taken from ``array``.

    The last axis of both is anchor-major: class ``c`` of anchor ``a`` is at ``a * num_classes + c``.
    """
    value = keras.ops.convert_to_numpy(variable.value).copy()
    ours = value.reshape(*value.shape[:-1], ANCHORS_PER_CELL, -1)
    if array.shape[:-1] != value.shape[:-1] or array.shape[-1] % ANCHORS_PER_CELL:
        raise CheckpointMismatchError(
            f"class rows of shape {array.shape} do not fit {value.shape}: expected the same except for the last axis, "
            f"which must be a multiple of {ANCHORS_PER_CELL}. Choose a checkpoint of this variant."
        )
    theirs = array.reshape(*array.shape[:-1], ANCHORS_PER_CELL, -1)
    for our_id, their_id in class_map.items():
        if not 1 <= our_id <= ours.shape[-1] or not 1 <= their_id <= theirs.shape[-1]:
            raise ValueError(
                f"class_map {our_id} -> {their_id}: expected 1..{ours.shape[-1]} -> 1..{theirs.shape[-1]}, the class "
                "ids of the model and of the checkpoint"
            )
        ours[..., our_id - 1] = theirs[..., their_id - 1]
    return value


def _describe(arrays: Mapping[str, Array]) -> str:
    backbones = sorted({n.split("/")[0] for n in arrays if n.startswith("efficientnet-")})
    kernel = arrays.get("class_net/class-predict/pointwise_kernel")
    width = "no class head" if kernel is None else f"FPN width {kernel.shape[-2]}"
    return f"backbone {', '.join(backbones) or 'unknown'}, {width}, {len(arrays)} arrays"


def _list(reasons: Mapping[str, str]) -> str:
    lines = [f"{name} ({why})" for name, why in list(reasons.items())[:_SHOWN]]
    more = len(reasons) - len(lines)
    return "; ".join(lines) + (f"; and {more} more" if more > 0 else "")
