"""The network as a TFLite file; letterbox and decode stay outside, where a device has its own.

Input ``images`` ``[1, h, w, 3]`` float32 normalised; outputs ``class_logits`` ``[1, A, K]``, ``box_codes``
``[1, A, 4]``, under the signature ``network``. Of 8-bit files too: inside they are integers from the first operation to
the last.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kittidet.config_export import REFUSED_FORMATS
from kittidet.errors import ExportError, first_line
from kittidet.export.damage import opening
from kittidet.export.signature import Port, RawModel, fit_ports

Precision = Literal["float16", "dynamic", "int8"]
_SIGNATURE = "network"
# TensorFlow 2.21 still carries the interpreter that its own converter calibrates with.
_DEPRECATED = ".*tf.lite.Interpreter is deprecated.*"


def write_tflite(
    network: keras.Model,
    path: Path,
    *,
    precision: Precision,
    calibration: Callable[[], Iterable[npt.NDArray[np.float32]]] | None = None,
) -> Path:
    """Write a network as TFLite: weights as float16 (half the size) or bytes (a quarter), or all of it in 8 bits.

    Args:
        network: ``[b, h, w, 3]`` -> ``class_logits``, ``box_codes``.
        path: the file.
        precision: arithmetic is float32 with ``float16``, partly integer with ``dynamic``, integer with ``int8``.
        calibration: for ``int8``: returns normalised images ``[h, w, 3]`` as the network sees them in use.

    Raises:
        ExportError: if the converter has no equivalent of an operation.
        ValueError: if ``int8`` comes without images, or images with another precision.
    """
    if (precision == "int8") != (calibration is not None):
        raise ValueError(f"write_tflite: expected calibration images with int8 alone, got precision {precision}")
    _, height, width, _ = network.inputs[0].shape
    spec = tf.TensorSpec((1, height, width, 3), tf.float32, name="images")
    module = tf.Module()
    module.weights = [variable.value for variable in network.weights]
    function = tf.function(lambda images: dict(network(images, training=False))).get_concrete_function(spec)
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_DEPRECATED)
        # Only the way over a SavedModel keeps the names of inputs and outputs.
        tf.saved_model.save(module, folder, signatures={_SIGNATURE: function})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[_SIGNATURE])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if calibration is not None:

            def samples() -> Iterator[tuple[str, dict[str, Any]]]:
                yield from ((_SIGNATURE, {"images": image[None]}) for image in calibration())

            converter.representative_dataset = samples
        try:
            content = converter.convert()
        except Exception as error:  # the converter's own exception classes are not public
            raise ExportError(
                f"{path.name}: TFLite cannot hold this network: {first_line(error)}. Use a lite variant."
            ) from error
    path.write_bytes(content)
    return path


def open_tflite(path: Path, *, threads: int | None = None) -> RawModel:
    """Return a TFLite file, of this project or another, as a function; run by LiteRT where that is installed.

    Args:
        path: the file.
        threads: that run it; None: the runtime's choice.

    Raises:
        ExportError: if TFLite refuses the file, or it takes or returns something else than the network.
    """
    with opening(path, "a TFLite file"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_DEPRECATED)
        interpreter = _interpreter_class()(model_path=str(path), num_threads=threads)
        signatures = interpreter.get_signature_list()
        interpreter.allocate_tensors()
        if any(detail["dtype"] == np.int16 for detail in interpreter.get_tensor_details()):
            raise ExportError(f"{path}: a file of 16-bit activations {REFUSED_FORMATS['tflite_int16x8']}.")
        if not signatures:
            return _open_plain(path, interpreter)
        runner = interpreter.get_signature_runner(_SIGNATURE if _SIGNATURE in signatures else next(iter(signatures)))
    inputs = [_port(name, detail) for name, detail in runner.get_input_details().items()]
    outputs = [_port(name, detail) for name, detail in runner.get_output_details().items()]
    ports = fit_ports(path, inputs, outputs)
    return RawModel(path, *ports, invoke=lambda images: runner(**{ports[0].name: images}))


def _open_plain(path: Path, interpreter: Any) -> RawModel:
    """As `open_tflite`, of a file without signatures."""
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    ports = fit_ports(path, [_port(d["name"], d) for d in inputs], [_port(d["name"], d) for d in outputs])

    def invoke(images: Any) -> dict[str, Any]:
        interpreter.set_tensor(inputs[0]["index"], images)
        interpreter.invoke()
        return {detail["name"]: interpreter.get_tensor(detail["index"]) for detail in outputs}

    return RawModel(path, *ports, invoke=invoke)


def _interpreter_class() -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415  an extra
    except ImportError:
        return tf.lite.Interpreter
    return Interpreter


def _port(name: str, detail: Any) -> Port:
    # A free batch is a batch of one here: not every interpreter makes room for more.
    free = detail.get("shape_signature", detail["shape"])
    shape = tuple(
        None if side < 0 and axis > 0 else int(now)
        for axis, (side, now) in enumerate(zip(free, detail["shape"], strict=True))
    )
    scale, zero_point = detail["quantization"]
    return Port(name, shape, np.dtype(detail["dtype"]).name, float(scale), int(zero_point))
