#!/usr/bin/env bash
# Under MirroredStrategy a Keras model with its own compute_loss steps as many times too far as
# there are devices.
#
# Packages: tensorflow-cpu 2.21.0, keras 3.15.1, numpy 2.4.6.
#
# Expected: `fit` on two devices with the same global batch makes the same step as on one device.
# With a loss given to `compile` it does.
#
# What happens: each replica takes the mean over its half of the batch, and the gradients of the
# replicas are summed. Keras divides compiled losses (and those of `add_loss`) by the number of
# replicas first; what an overridden `compute_loss` returns it uses as it is. So the step is
# twice as long on two devices, and the logged loss twice as high, because Keras multiplies what
# it logs back. Nothing warns. The cure is one line: divide by `num_replicas_in_sync`.
#
# Why it matters: detectors are the models that override `compute_loss`: matching anchors to boxes
# and weighting two losses does not fit `compile(loss=...)`. Going from one GPU to eight means
# eight times the learning rate without having touched it. With an optimizer that normalises the
# gradient (Adam) weights hardly show it, but the logged loss and every clipping norm do.
#
# Seen: SGD, one weight, one step. Compiled loss: 0.05 on one and on two devices, loss 1.5. Own
# compute_loss: 0.05 on one device, 0.10 on two, loss 1.5 and 3.0. Divided: 0.05 and 1.5 again.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile 'tensorflow-cpu==2.21.0' 'keras==3.15.1' 'numpy==2.4.6' ||
    { echo "Not tried: the pinned packages could not be installed." >&2; exit 2; }

export KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 TF_ENABLE_ONEDNN_OPTS=0
"$folder/env/bin/python" - <<'PYTHON'
import contextlib
import sys

import keras
import numpy as np
import tensorflow as tf

tf.get_logger().setLevel("ERROR")  # six small models are traced on purpose

# Two logical devices on one CPU behave like two GPUs as far as reductions go.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

x = np.array([[1.0], [2.0], [3.0], [4.0]], "float32")
y = np.full((4, 1), 2.0, "float32")


class OwnLoss(keras.Model):
    """The mean square error that compile(loss="mse") gives, written by hand."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean(keras.ops.square(y - y_pred))


class DividedLoss(OwnLoss):
    """The same, with each replica's part divided by the number of replicas."""

    def compute_loss(self, *args, **kwargs):
        return super().compute_loss(*args, **kwargs) / tf.distribute.get_strategy().num_replicas_in_sync


def one_step(kind: type[keras.Model], scope) -> tuple[float, float]:
    """How far one SGD step on the whole batch moves the only weight, and the loss that fit logs."""
    with scope:
        inputs = keras.Input((1,))
        outputs = keras.layers.Dense(1, kernel_initializer="ones", use_bias=False)(inputs)
        model = kind(inputs, outputs)
        model.compile(keras.optimizers.SGD(0.01), loss="mse" if kind is keras.Model else None)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(len(x))
    history = model.fit(data, shuffle=False, verbose=0)
    return abs(float(model.get_weights()[0].item()) - 1.0), history.history["loss"][0]


ratios = {}
for name, kind in {"compiled": keras.Model, "own": OwnLoss, "own, divided": DividedLoss}.items():
    one, one_loss = one_step(kind, contextlib.nullcontext())
    two, two_loss = one_step(kind, mirrored.scope())
    ratios[name] = (two / one, two_loss / one_loss)
    print(f"{name:12s} loss: step {one:.4f} on one device, {two:.4f} on two; logged {one_loss:.3f} and {two_loss:.3f}")

for name, expected in {"compiled": 1.0, "own": 2.0, "own, divided": 1.0}.items():
    if not np.allclose(ratios[name], expected, rtol=1e-4):
        sys.exit(f"Changed: step and logged loss on two devices are {ratios[name]} times one device's ({name} loss).")
PYTHON
echo "As described: two devices step twice as far with an own compute_loss, equally far with a compiled one."
