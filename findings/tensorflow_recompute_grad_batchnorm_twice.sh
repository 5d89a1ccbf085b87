#!/usr/bin/env bash
# tf.recompute_grad runs a block twice for real: BatchNorm averages move twice, Dropout draws
# another mask for the gradient than for the loss.
#
# Packages: tensorflow-cpu 2.21.0, keras 3.15.1, numpy 2.4.6.
#
# Expected: trading memory for time changes neither what a step learns nor what it leaves behind.
#
# What happens: the block is called once forward and again on the way back. The second call
# repeats its side effects. BatchNorm updates its moving mean and variance a second time from the
# same batch, as if momentum were momentum squared. Dropout draws anew, so the gradient belongs
# to another sub-network than the loss; a seeded Keras layer does so too, because its seed
# generator moves on with each call. Eagerly and inside tf.function alike, without a warning. A
# mask that depends on nothing but its seed (stateless_dropout) is the same in both calls.
#
# Why it matters: recomputation is what lets a detector train at high resolution on a small GPU,
# and its blocks are convolution, BatchNorm and drop-connect. Gradients with the wrong mask are
# noise on top of noise: training goes on, somewhat worse, and nothing points at the cause.
#
# Seen: momentum 0.9, one step: 0.100 of the batch mean is in the moving mean without recomputation,
# 0.190 with it. Dropout 0.5: the units that the gradient passes are those of the output without
# recomputation; with it they differ in half of the units (layer with a seed 50 %, tf.nn.dropout
# 50 %, stateless_dropout none). Eager and graph agree.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile 'tensorflow-cpu==2.21.0' 'keras==3.15.1' 'numpy==2.4.6' ||
    { echo "Not tried: the pinned packages could not be installed." >&2; exit 2; }

export KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 TF_ENABLE_ONEDNN_OPTS=0
"$folder/env/bin/python" - <<'PYTHON'
import itertools
import sys

import keras
import numpy as np
import tensorflow as tf

tf.get_logger().setLevel("ERROR")  # one graph per case is traced on purpose


def forward_and_back(block, inputs: np.ndarray, recomputed: bool, graph: bool) -> tuple[np.ndarray, np.ndarray]:
    """Output of the block and the gradient of its sum, as in one training step."""
    block = tf.recompute_grad(block) if recomputed else block

    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            output = block(x)
        return output, tape.gradient(output, x)

    step = tf.function(step, autograph=False) if graph else step
    output, gradient = step(tf.constant(inputs, tf.float32))
    return output.numpy(), gradient.numpy()


def share_of_batch_mean(recomputed: bool, graph: bool) -> float:
    """How much of the batch's mean is in BatchNorm's moving mean (from 0) after one step."""
    norm = keras.layers.BatchNormalization(momentum=0.9)
    norm.build((None, 4))
    inputs = np.random.default_rng(0).normal(3.0, 2.0, (64, 4))
    forward_and_back(lambda x: norm(x, training=True), inputs, recomputed, graph)
    return float(np.mean(norm.moving_mean.numpy() / inputs.mean(axis=0)))


def mask_disagreement(kind: str, recomputed: bool, graph: bool) -> float:
    """Share of units that are on in the output and off in the gradient, or the other way round."""
    layer = keras.layers.Dropout(0.5, seed=1)
    drop = {
        "Keras layer with a seed": lambda x: layer(x, training=True),
        "tf.nn.dropout": lambda x: tf.nn.dropout(x, 0.5),
        "stateless_dropout": lambda x: tf.nn.experimental.stateless_dropout(x, 0.5, seed=[1, 2]),
    }[kind]
    output, gradient = forward_and_back(drop, np.ones(10_000), recomputed, graph)
    return float(np.mean((output > 0) != (gradient > 0)))


for graph, recomputed in itertools.product((False, True), repeat=2):
    how = f"{'graph' if graph else 'eager'}, {'recomputed' if recomputed else 'plain':10s}"
    share = share_of_batch_mean(recomputed, graph)
    print(f"{how}: {share:.3f} of the batch mean is in the moving mean")
    if abs(share - (0.19 if recomputed else 0.1)) > 1e-3:
        sys.exit("Changed: tf.recompute_grad no longer moves BatchNorm's averages twice.")
    for kind in ("Keras layer with a seed", "tf.nn.dropout", "stateless_dropout"):
        wrong = mask_disagreement(kind, recomputed, graph)
        print(f"{how}: {100 * wrong:4.1f} % of units have another mask in the gradient ({kind})")
        redrawn = recomputed and kind != "stateless_dropout"
        if not (0.45 < wrong < 0.55 if redrawn else wrong == 0.0):
            sys.exit(f"Changed: the masks of output and gradient now differ in {wrong:.3f} of units ({kind}).")
PYTHON
echo "As described: recomputation moves BatchNorm's averages twice and draws Dropout masks anew."
