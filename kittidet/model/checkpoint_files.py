"""Reads checkpoint files of every known kind into arrays by reference name.

The files are untrusted: no pickle, no code and no configuration object is ever loaded from them, and no link inside
them is followed.
"""

import json
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import numpy.typing as npt

from kittidet.errors import CheckpointMismatchError
from kittidet.model.efficientdet import EfficientDet, build_efficientdet
from kittidet.model.reference_names import reference_variables
from kittidet.model.scaling import ANCHORS_PER_CELL, VARIANT_SPECS

Array = npt.NDArray[Any]

EMA_SUFFIX = "/ExponentialMovingAverage"
WEIGHTS_IN_KERAS = "model.weights.h5"
CONFIG_IN_KERAS = "config.json"
_INDEX = ".index"
_OBJECT_BASED = "/.ATTRIBUTES/"
_KINDS = (
    "a TF1 checkpoint (its folder, prefix or .index file), a Keras .h5 of the published layout, or a .keras or "
    ".weights.h5 of this project"
)


_DAMAGE = (
    OSError,
    LookupError,
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    UserWarning,
    zipfile.BadZipFile,
    zlib.error,
)


def read_checkpoint(path: Path, model: EfficientDet) -> dict[str, Array]:
    """Return reference name -> array for every array in a checkpoint.

    Args:
        path: the file or folder.
        model: determines the variant that the project's own weight files are read as, and the known names.

    Raises:
        CheckpointMismatchError: if there is no checkpoint, or it is truncated, damaged or of an unknown kind.
    """
    if path.is_dir() or path.suffix == _INDEX or path.with_name(path.name + _INDEX).is_file():
        return _read_tf1(_find_prefix(path))
    if not path.is_file():
        raise CheckpointMismatchError(f"{path}: no such checkpoint. Expected {_KINDS}.")
    with _damage_told(path):
        if path.suffix == ".keras":
            return _read_keras_archive(path, model)
        if path.suffix in {".h5", ".hdf5"}:
            with h5py.File(path, "r") as file:
                published = "layer_names" in file.attrs
            return _read_published_h5(path, model) if published else _read_own_weights(path, model)
    raise CheckpointMismatchError(f"{path}: unknown kind of checkpoint. Expected {_KINDS}.")


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise CheckpointMismatchError(
            f"{path}: truncated, damaged or from another model: {error}. Expected a whole file; copy or fetch it again."
        ) from error


def _find_prefix(path: Path) -> Path:
    """Return the prefix of a TF1 checkpoint: the path of its ``.index`` file without that suffix."""
    if not path.is_dir():
        return path.with_suffix("") if path.suffix == _INDEX else path
    found = sorted(path.rglob(f"*{_INDEX}"))
    if not found:
        raise CheckpointMismatchError(f"{path}: no checkpoint in this folder. Expected {_KINDS}.")
    if len(found) > 1:
        # The text file "checkpoint" names the newest one; only its name is used, a path could lead anywhere.
        named = _named_in_state(found[0].parent / "checkpoint")
        found = [index for index in found if index.name == f"{named}{_INDEX}"] or found
    if len(found) > 1:
        names = ", ".join(index.name for index in found)
        raise CheckpointMismatchError(f"{path}: several checkpoints ({names}). Give the path of one of them.")
    return found[0].with_suffix("")


def _named_in_state(state: Path) -> str | None:
    if not state.is_file():
        return None
    for line in state.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model_checkpoint_path":
            return value.strip().strip('"').replace("\\", "/").rsplit("/", 1)[-1]
    return None


def _read_tf1(prefix: Path) -> dict[str, Array]:
    import tensorflow as tf  # noqa: PLC0415  only this format needs it, also on the JAX and torch backends

    if not prefix.with_name(prefix.name + _INDEX).is_file():
        raise CheckpointMismatchError(f"{prefix}: no {prefix.name}{_INDEX} there. Expected {_KINDS}.")
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        shapes = reader.get_variable_to_shape_map()
        dtypes = reader.get_variable_to_dtype_map()
        if any(_OBJECT_BASED in name for name in shapes):
            raise CheckpointMismatchError(
                f"{prefix}: an object-based TF2 checkpoint; its names depend on the code that wrote it. Expected a "
                "name-based one such as the published archives hold. Save the weights as .h5 there, and load that."
            )
        return {name: np.asarray(reader.get_tensor(name)) for name in sorted(shapes) if dtypes[name].is_floating}
    except (tf.errors.OpError, RuntimeError, ValueError, LookupError) as error:  # IndexError if data are missing
        raise CheckpointMismatchError(
            f"{prefix}: truncated or damaged: {error}. Expected whole .index and .data files; fetch the archive again."
        ) from error


def _read_published_h5(path: Path, model: EfficientDet) -> dict[str, Array]:
    """Read a Keras 2 weights file: datasets under one group per layer, named after the variables."""
    known = reference_variables(model)
    arrays: dict[str, Array] = {}

    def keep(name: str, item: Any) -> None:
        # visititems follows no soft or external links; external storage would mean bytes of another file.
        if isinstance(item, h5py.Dataset) and item.external is None and not item.is_virtual:
            arrays[_plain_name(name, known)] = item[()]

    with h5py.File(path, "r") as file:
        file.visititems(keep)
    return arrays


def _plain_name(name: str, known: Mapping[str, Any]) -> str:
    """Return the reference name of a dataset, without the groups of the layer and possibly the model before it."""
    parts = name.removesuffix(":0").split("/")
    for start in range(len(parts)):
        candidate = "/".join(parts[start:])
        if candidate in known:
            return candidate
    # From another variant: drop the layer's group, which repeats the first part of the variable's name.
    return "/".join(parts[1:] if len(parts) > 1 and parts[0] == parts[1] else parts)


def _read_keras_archive(path: Path, model: EfficientDet) -> dict[str, Array]:
    """Read a ``.keras`` file of this project: the configuration as plain JSON, the weights as arrays."""
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
        config = json.loads(archive.read(CONFIG_IN_KERAS))
        config = config["config"] if config.get("class_name") == "EfficientDet" else {}
        variant = config.get("variant")
        if variant not in VARIANT_SPECS:
            raise CheckpointMismatchError(f"{path}: not an EfficientDet of this project. Expected {_KINDS}.")
        if variant != model.variant:
            raise CheckpointMismatchError(
                f"{path}: weights of {variant}, expected {model.variant}. Build {variant}, or choose another file."
            )
        weights = Path(folder) / WEIGHTS_IN_KERAS
        weights.write_bytes(archive.read(WEIGHTS_IN_KERAS))
        return _read_own_weights(weights, model)


def _read_own_weights(path: Path, model: EfficientDet) -> dict[str, Array]:
    """Read this project's weights through a copy of the model that has the file's number of classes."""
    biases: list[int] = []
    arrays = 0

    def keep(name: str, item: Any) -> None:
        nonlocal arrays
        arrays += isinstance(item, h5py.Dataset)
        if isinstance(item, h5py.Dataset) and "/predict/" in name and item.ndim == 1:
            biases.append(item.shape[0])

    with h5py.File(path, "r") as file:
        file.visititems(keep)
    others = [size for size in biases if size != ANCHORS_PER_CELL * 4] or biases
    if len(biases) != 2 or others[0] % ANCHORS_PER_CELL:
        raise CheckpointMismatchError(f"{path}: not the weights of an EfficientDet of this project. Expected {_KINDS}.")
    # Weight shapes do not depend on the image size, so the smallest one will do.
    side = model.spec.smallest_side
    twin = build_efficientdet(model.variant, others[0] // ANCHORS_PER_CELL, (side, side))
    try:
        with warnings.catch_warnings():
            # Keras only warns about layers without weights in the file, and leaves them as they are.
            warnings.simplefilter("error", UserWarning)
            twin.load_weights(path)
    except (ValueError, KeyError, UserWarning) as error:
        raise CheckpointMismatchError(
            f"{path}: not all weights of {model.variant}. Expected {len(twin.weights)} arrays of its shapes, got "
            f"{arrays} that do not all fit: they are from another variant, folded, or damaged. Build the variant "
            "they are from, or choose another file."
        ) from error
    return {name: keras.ops.convert_to_numpy(v.value) for name, v in reference_variables(twin).items()}
