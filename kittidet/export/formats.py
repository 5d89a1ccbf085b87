"""Every export format: its file, what it is in words, how it is written, opened and judged."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
import numpy.typing as npt

from kittidet.config_export import ExportFormat
from kittidet.export.agreement import BYTES, EXACT, HALF, Tolerance
from kittidet.export.onnx import open_onnx, quantise_onnx, write_onnx
from kittidet.export.serving import open_network
from kittidet.export.signature import RawModel
from kittidet.export.tflite import Precision, open_tflite, write_tflite
from kittidet.files import list_files

# Returns normalised images [h, w, 3] to calibrate on.
Images = Callable[[], Iterable[npt.NDArray[np.float32]]]
# Writes a network to a path; the images are None where the format is not calibrated.
Write = Callable[[keras.Model, Path, Images | None], Path]


@dataclass(frozen=True, slots=True)
class RawFormat:
    """A format that holds the network alone.

    Attributes:
        name: of its file.
        words: what it is.
        write: writes it.
        tolerance: how closely its scores and boxes must follow the source's; None: it is judged by AP alone.
        by_ap: whether AP judges it where there are frames for that.
    """

    name: str
    words: str
    write: Write
    tolerance: Tolerance | None
    by_ap: bool = False


def _tflite(network: keras.Model, path: Path, images: Images | None, *, precision: Precision) -> Path:
    return write_tflite(network, path, precision=precision, calibration=images)


def _onnx(network: keras.Model, path: Path, _images: Images | None) -> Path:
    return write_onnx(network, path)


def _onnx_int8(network: keras.Model, path: Path, images: Images | None, *, only_convolutions: bool) -> Path:
    if images is None:
        raise ValueError(f"{path.name}: expected images to calibrate on")
    with TemporaryDirectory() as folder:
        whole = write_onnx(network, Path(folder) / "whole.onnx")
        return quantise_onnx(whole, path, calibration=images(), only_convolutions=only_convolutions)


# Every format but the SavedModel, which alone ends in detections.
RAW_FORMATS: dict[ExportFormat, RawFormat] = {
    "onnx": RawFormat("model.onnx", "ONNX: the network", _onnx, EXACT),
    "onnx_int8": RawFormat(
        "model_int8.onnx",
        "ONNX: the network in 8 bits",
        partial(_onnx_int8, only_convolutions=False),
        None,
        by_ap=True,
    ),
    "onnx_int8_conv": RawFormat(
        "model_int8_conv.onnx",
        "ONNX: the network, its convolutions in 8 bits",
        partial(_onnx_int8, only_convolutions=True),
        None,
        by_ap=True,
    ),
    "tflite_float16": RawFormat(
        "model_float16.tflite",
        "TFLite: the network, weights as float16",
        partial(_tflite, precision="float16"),
        HALF,
    ),
    "tflite_dynamic": RawFormat(
        "model_dynamic.tflite",
        "TFLite: the network, weights as bytes (dynamic range): smaller, not faster",
        partial(_tflite, precision="dynamic"),
        BYTES,
        by_ap=True,
    ),
    "tflite_int8": RawFormat(
        "model_int8.tflite",
        "TFLite: the network in 8 bits, float32 in and out",
        partial(_tflite, precision="int8"),
        None,
        by_ap=True,
    ),
}

SAVED_MODEL = "saved_model"


def is_model_file(path: Path) -> bool:
    """Return whether a path is an exported model by its name: ``.tflite``, ``.onnx``, or a SavedModel's folder."""
    return path.suffix.lower() in {".tflite", ".onnx"} or (path / "saved_model.pb").is_file()


def megabytes(path: Path) -> float:
    """Return the size of a file, or of all files in a folder, in millions of bytes."""
    return sum(p.stat().st_size for p in (list_files(path) if path.is_dir() else [path])) / 1e6


def open_raw(path: Path, *, threads: int | None = None) -> RawModel:
    """Return an exported model as a function from normalised images to raw outputs.

    Args:
        path: a TFLite or ONNX file, or a SavedModel's folder.
        threads: that run it; TensorFlow's, which runs a SavedModel, are set for the whole process.

    Raises:
        ExportError: if it cannot be opened, or takes or returns something else than the network.
    """
    if path.suffix.lower() == ".tflite":
        return open_tflite(path, threads=threads)
    return open_onnx(path, threads=threads) if path.suffix.lower() == ".onnx" else open_network(path)
