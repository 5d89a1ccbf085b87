"""The network as an ONNX file, for those who installed the ``onnx`` extra.

Input ``images`` ``[b, h, w, 3]`` float32 normalised; outputs ``class_logits`` ``[b, A, K]``, ``box_codes``
``[b, A, 4]``.
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kittidet.errors import ExportError
from kittidet.export.damage import opening

_NEEDED = ("tf2onnx", "onnx", "onnxruntime")
_OPSET = 17
# ONNX Runtime warns of how tf2onnx writes a nearest-neighbour resize, once per node; it runs it as meant.
_ERRORS_ONLY = 3


def check_onnx_installed() -> None:
    """Return quietly if the extra is there.

    Raises:
        ExportError: naming what is missing and how to get it.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise ExportError(f"ONNX needs {', '.join(missing)}, which is not installed: pip install 'kittidet[onnx]'.")


def write_onnx(network: keras.Model, path: Path) -> Path:
    """Write a network as ONNX, for batches of any size.

    Raises:
        ExportError: if the extra is missing or an operation has no equivalent.
    """
    check_onnx_installed()
    import tf2onnx  # noqa: PLC0415  an extra

    _, height, width, _ = network.inputs[0].shape
    spec = tf.TensorSpec((None, height, width, 3), tf.float32, name="images")
    function = tf.function(lambda images: dict(network(images, training=False)))
    try:
        tf2onnx.convert.from_function(function, input_signature=[spec], opset=_OPSET, output_path=str(path))
    except (ValueError, RuntimeError, NotImplementedError) as error:
        raise ExportError(f"{path.name}: ONNX cannot hold this network: {error}.") from error
    return path


def open_onnx(path: Path) -> Callable[[npt.NDArray[np.float32]], dict[str, npt.NDArray[np.float32]]]:
    """Return a function from normalised images ``[b, h, w, 3]`` to the raw outputs of an ONNX file, run on the CPU.

    Raises:
        ExportError: if ONNX Runtime refuses the file.
    """
    import onnxruntime  # noqa: PLC0415  an extra

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    with opening(path, "an ONNX file"):
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(images: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
        return dict(zip(names, session.run(names, {"images": images}), strict=True))

    return run
