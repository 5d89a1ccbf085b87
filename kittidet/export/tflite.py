"""The network as a TFLite file; letterbox and decode stay outside, where a device has its own.

Input ``images`` ``[1, h, w, 3]`` float32 normalised; outputs ``class_logits`` ``[1, A, K]``, ``box_codes``
``[1, A, 4]``, under the signature ``network``.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kittidet.errors import ExportError
from kittidet.export.damage import opening

Precision = Literal["float16", "dynamic"]
Outputs = dict[str, npt.NDArray[np.float32]]
_SIGNATURE = "network"


def write_tflite(network: keras.Model, path: Path, *, precision: Precision) -> Path:
    """Write a network as TFLite with weights as float16 (half the size) or as bytes (a quarter).

    Args:
        network: ``[b, h, w, 3]`` -> ``class_logits``, ``box_codes``.
        path: the file.
        precision: of the weights; arithmetic is float32 with ``float16`` and partly integer with ``dynamic``.

    Raises:
        ExportError: if the converter has no equivalent of an operation.
    """
    _, height, width, _ = network.inputs[0].shape
    spec = tf.TensorSpec((1, height, width, 3), tf.float32, name="images")
    module = tf.Module()
    module.weights = [variable.value for variable in network.weights]
    function = tf.function(lambda images: dict(network(images, training=False))).get_concrete_function(spec)
    with TemporaryDirectory() as folder:
        # Only the way over a SavedModel keeps the names of inputs and outputs.
        tf.saved_model.save(module, folder, signatures={_SIGNATURE: function})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[_SIGNATURE])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        try:
            content = converter.convert()
        except Exception as error:  # the converter's own exception classes are not public
            reason = str(error).splitlines()[0] if str(error) else repr(error)
            raise ExportError(f"{path.name}: TFLite cannot hold this network: {reason}. Use a lite variant.") from error
    path.write_bytes(content)
    return path


def open_tflite(path: Path) -> Callable[[npt.NDArray[np.float32]], Outputs]:
    """Return a function from normalised images ``[b, h, w, 3]`` to the raw outputs of a TFLite file, image by image.

    Raises:
        ExportError: if TFLite refuses the file.
    """
    with warnings.catch_warnings(), opening(path, "a TFLite file"):
        # TensorFlow 2.21 still carries the interpreter that reads what its converter writes.
        warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated.*")
        interpreter: Any = tf.lite.Interpreter(model_path=str(path))
        runner = interpreter.get_signature_runner(_SIGNATURE)

    def run(images: npt.NDArray[np.float32]) -> Outputs:
        rows = [runner(images=image[None]) for image in images]
        return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}

    return run
