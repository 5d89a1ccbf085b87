#!/usr/bin/env bash
# A bias that two convolutions share is right only for the first of them after onnxruntime's
# quantize_static in QOperator format.
#
# Packages: onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6.
#
# Expected: quantisation costs a little precision. Whether two nodes name one initializer or two
# initializers with the same numbers makes no difference; nor does the format of the result.
#
# What happens: an integer bias is stored in steps of (input scale x weight scale), so convolutions
# with the same weights on inputs of different range need different integers for the same bias.
# With `quant_format=QuantFormat.QDQ` the tool makes a second copy. With `QuantFormat.QOperator`
# it quantises the bias at its first use and hands the same integers to the second one, where they
# count in other steps. Nothing is said, and each node by itself is valid. A copy of the bias per
# convolution helps only until `quant_pre_process`, which the tool advises, merges equal constants.
#
# Why it matters: a one-stage detector runs one head over all pyramid levels, so its convolutions
# share their bias exactly like this, and its class bias starts at -4.6, "one per cent likely".
# On levels with a smaller range than the first that bias nearly vanishes: every anchor there
# becomes about as likely as not. On those with a larger range it is multiplied: nothing is found
# there. Quantise such a model as QDQ, which is the default.
#
# Seen: two 1x1 convolutions, bias -4.6. First input 50 times as wide as the second: the second
# output is 4.4 too high on average, so all but 0.2 of the bias is gone. First input 0.02 times as
# wide: 1.7 too low, cut off at the end of its range. With two equal biases both are right, but
# pre-processed the first is 93 too low or 4.5 too high (the nodes have changed places). In QDQ
# every error is within 0.02.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq 'onnxruntime==1.32.0' 'onnx==1.23.2' 'numpy==2.4.6' ||
    { echo "Not tried: the pinned packages could not be installed." >&2; exit 2; }

cd "$folder"
env/bin/python - <<'PYTHON'
import itertools
import logging
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

logging.disable(logging.WARNING)  # the advice to pre-process, which is tried below

BIAS = -4.6  # the usual start of a class bias: a sigmoid of 0.01
SHAPE = (1, 4, 8, 8)


def two_levels(shared: bool) -> onnx.ModelProto:
    """The same 1x1 convolution on two inputs, with one bias initializer or with two equal ones."""
    weight = np.random.default_rng(0).normal(0, 0.2, (4, 4, 1, 1)).astype("float32")
    biases = ("bias", "bias") if shared else ("bias", "bias_2")
    constants = {"weight": weight} | {name: np.full(4, BIAS, "float32") for name in biases}
    graph = helper.make_graph(
        [helper.make_node("Conv", [f"in{i}", "weight", biases[i]], [f"out{i}"]) for i in range(2)],
        "levels",
        [helper.make_tensor_value_info(f"in{i}", TensorProto.FLOAT, SHAPE) for i in range(2)],
        [helper.make_tensor_value_info(f"out{i}", TensorProto.FLOAT, SHAPE) for i in range(2)],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def images(random: np.random.Generator, widths: tuple[float, float]) -> dict[str, np.ndarray]:
    return {f"in{i}": random.normal(0, widths[i], SHAPE).astype("float32") for i in range(2)}


class Calibration(CalibrationDataReader):
    def __init__(self, widths: tuple[float, float]):
        random = np.random.default_rng(1)
        self.batches = iter([images(random, widths) for _ in range(16)])

    def get_next(self):
        return next(self.batches, None)


def mean_errors(shared: bool, prepared: bool, quant_format: QuantFormat, widths: tuple[float, float]) -> list[float]:
    """Mean of (quantised - float) for either output, on data like that of the calibration."""
    onnx.save(two_levels(shared), "float.onnx")
    if prepared:
        quant_pre_process("float.onnx", "prepared.onnx", skip_symbolic_shape=True)
    quantize_static(
        "prepared.onnx" if prepared else "float.onnx",
        "int8.onnx",
        Calibration(widths),
        quant_format=quant_format,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    inputs = images(np.random.default_rng(2), widths)
    exact, rough = (onnxruntime.InferenceSession(path).run(None, inputs) for path in ("float.onnx", "int8.onnx"))
    return [float(np.mean(b - a)) for a, b in zip(exact, rough, strict=True)]


for widths in ((50.0, 1.0), (0.02, 1.0)):
    print(f"first input {widths[0] / widths[1]:g} times as wide as the second")
    for quant_format, shared, prepared in itertools.product(
        (QuantFormat.QDQ, QuantFormat.QOperator), (False, True), (False, True)
    ):
        first, second = mean_errors(shared, prepared, quant_format, widths)
        case = (
            f"{quant_format.name:9s}, {'one shared bias' if shared else 'two equal biases':16s}, "
            f"{'pre-processed' if prepared else 'as it is':13s}"
        )
        print(f"  {case}: mean error {first:+8.3f} and {second:+8.3f}")
        broken = quant_format is QuantFormat.QOperator and (shared or prepared)
        better, worse = sorted((abs(first), abs(second)))
        if better > 0.1 or (worse < 1.0 if broken else worse > 0.1):
            sys.exit(f"Changed: the mean errors are {first:+.3f} and {second:+.3f} ({case}).")
PYTHON
echo "As described: in QOperator format a shared bias is right for its first convolution only."
