"""The network as an ONNX file, for those who installed the ``onnx`` extra; in float32, or in 8 bits.

Input ``images`` ``[b, h, w, 3]`` float32 normalised; outputs ``class_logits`` ``[b, A, K]``, ``box_codes``
``[b, A, 4]``.
"""

import logging
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kittidet.errors import ExportError, first_line
from kittidet.export.damage import opening
from kittidet.export.signature import Port, RawModel, fit_ports

_NEEDED = ("tf2onnx", "onnx", "onnxruntime")
_OPSET = 17
# ONNX Runtime warns of how tf2onnx writes a nearest-neighbour resize, once per node; it runs it as meant.
_ERRORS_ONLY = 3
# ONNX's names of types -> NumPy's, where they differ.
_TYPES = {"float": "float32", "double": "float64", "string": "str"}


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


def quantise_onnx(
    source: Path, path: Path, *, calibration: Iterable[npt.NDArray[np.float32]], only_convolutions: bool = False
) -> Path:
    """Write an ONNX file of float32 in 8 bits, as QDQ: weights per channel, activations unsigned.

    Signed activations, the quantiser's default, make swish six times slower than unsigned ones; dynamic quantisation is
    ten times slower than float32.

    Args:
        source: what `write_onnx` wrote.
        path: the new file.
        calibration: normalised images ``[h, w, 3]`` as the network sees them in use.
        only_convolutions: leave all else in float32: slower, larger, and nearer to the source.

    Raises:
        ExportError: if the extra is missing or the quantiser refuses the network.
    """
    check_onnx_installed()
    from onnxruntime.quantization import QuantType, quantize_static  # noqa: PLC0415  an extra
    from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415

    images = iter(calibration)

    class Reader:
        def get_next(self) -> dict[str, Any] | None:
            image = next(images, None)
            return None if image is None else {"images": image[None]}

    quantiser_log = logging.getLogger()
    before = quantiser_log.level
    with TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        try:
            # tf2onnx gives the free batch another name in every tensor, which symbolic inference cannot follow.
            quant_pre_process(source, prepared, skip_symbolic_shape=True)
            # It advises on the root logger, once more after the advice was followed.
            quantiser_log.setLevel(logging.ERROR)
            quantize_static(
                prepared,
                path,
                Reader(),
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                op_types_to_quantize=["Conv"] if only_convolutions else None,
            )
        except Exception as error:  # the quantiser raises whatever its parts raise
            raise ExportError(
                f"{path.name}: ONNX Runtime cannot quantise this network: {first_line(error)}."
            ) from error
        finally:
            quantiser_log.setLevel(before)
    return path


def open_onnx(path: Path, *, threads: int | None = None) -> RawModel:
    """Return an ONNX file, of this project or another, as a function, run on the CPU.

    Args:
        path: the file.
        threads: that run it; None: the runtime's choice.

    Raises:
        ExportError: if the extra is missing, ONNX Runtime refuses the file, or it takes or returns something else than
            the network.
    """
    check_onnx_installed()
    import onnxruntime  # noqa: PLC0415  an extra

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    # Threads that wait by spinning take the processor from everyone else, the next runtime of a comparison too: 55 ms
    # with it, 22 ms without, on a busy machine of two cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
    with opening(path, "an ONNX file"):
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs, outputs = map(_port, session.get_inputs()), list(map(_port, session.get_outputs()))
    images, logits, codes = fit_ports(path, list(inputs), outputs)
    names = [logits.name, codes.name]
    return RawModel(
        path,
        images,
        logits,
        codes,
        invoke=lambda batch: dict(zip(names, session.run(names, {images.name: batch}), strict=True)),
    )


def _port(value: Any) -> Port:
    shape = tuple(side if isinstance(side, int) else None for side in value.shape)
    kind = value.type.removeprefix("tensor(").removesuffix(")")
    return Port(value.name, shape, _TYPES.get(kind, kind))
