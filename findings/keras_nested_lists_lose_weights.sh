#!/usr/bin/env bash
# Keras before 3.15 leaves layers kept in a list of lists out of its weight files, silently.
#
# Packages: keras 3.14.1 and 3.15.1, both on jax 0.10.2 (CPU), h5py 3.16.0, numpy 2.4.6.
#
# Expected: what `model.weights` lists is what `save_weights` writes. A fresh model that loads
# the file computes what the saved one computed, or loading says that something is missing.
#
# What happens: Keras finds the inner layers for training (they are in `model.weights`, they
# are counted and updated), but up to 3.14.1 its saving code looks only one container deep. A
# list of layers is written; a list of lists, a tuple of tuples or a dict of lists is not. Both
# `save_weights` and `load_weights` succeed without a word and the inner layers keep their
# random start values. `.keras` files have the same gap. 3.15 writes nested containers; when it
# reads a file of an older version it warns, but goes on with random values. And 3.15 no longer
# writes layers kept in a set, silently again (3.14.1 wrote them, in an order not reproducible).
#
# Why it matters: a detector's shared head has one convolution per repeat and one batch norm per
# repeat AND pyramid level, so `self.norms[level][repeat]` is the natural attribute. Training
# looks right; the checkpoint restored for evaluation or fine-tuning has untrained norms.
#
# Seen (tensors in the file, of two in the model): one list 2 in both versions; list of lists 0
# in 3.14.1 and 2 in 3.15.1; dict of lists the same; set 2 in 3.14.1 and 0 in 3.15.1. What was
# not in the file came back different and no warning was given. 3.15.1 reading the nested file
# of 3.14.1: one warning, output still different. Also tried by hand: 3.6.0, 3.10.0, 3.12.4 and
# 3.13.2 lose nested lists like 3.14.1; 3.15.0 keeps them like 3.15.1.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
install() {
    "$folder/env/bin/pip" install -qq "$@" ||
        { echo "Not tried: the pinned packages could not be installed." >&2; exit 2; }
}
install 'jax==0.10.2' 'jaxlib==0.10.2' 'h5py==3.16.0' 'numpy==2.4.6'

cat > "$folder/save_and_load.py" <<'PYTHON'
"""Save and load one small model per kind of container with the Keras that is installed."""

import os
import sys
import warnings

os.environ["KERAS_BACKEND"] = "jax"

import h5py
import keras
import numpy as np


class Chain(keras.layers.Layer):
    """A dense layer, kept in the kind of container that `kind` names."""

    def __init__(self, kind: str):
        super().__init__()
        dense = keras.layers.Dense(4)
        self.kept = {
            "list": [dense],
            "list of lists": [[dense]],
            "dict of lists": {"only": [dense]},
            "set": {dense},
        }[kind]

    def inner(self) -> keras.layers.Layer:
        kept = self.kept
        while not isinstance(kept, keras.layers.Layer):
            kept = next(iter(kept.values() if isinstance(kept, dict) else kept))
        return kept

    def build(self, input_shape):
        self.inner().build(input_shape)

    def call(self, inputs):
        return self.inner()(inputs)


def model(kind: str) -> keras.Model:
    inputs = keras.Input((4,))
    return keras.Model(inputs, Chain(kind)(inputs))


def trained(kind: str) -> keras.Model:
    """A model with weights that no fresh one has: all sevens stand for hours of training."""
    made = model(kind)
    made.set_weights([np.full(weight.shape, 7.0, "float32") for weight in made.weights])
    return made


def tensors_in(path: str) -> int:
    found = []
    with h5py.File(path) as file:
        file.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
    return len(found)


def loads_equal(saved: keras.Model, path: str, kind: str) -> tuple[bool, int]:
    """Does a fresh model compute the same after loading, and how often did Keras warn?"""
    fresh = model(kind)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fresh.load_weights(path)
    x = np.ones((1, 4), "float32")
    equal = np.array_equal(np.asarray(saved(x)), np.asarray(fresh(x)))
    return equal, len(caught)


writes = {"3.14.1": {"list", "set"}, "3.15.1": {"list", "list of lists", "dict of lists"}}[keras.__version__]
folder = sys.argv[1]
for kind in ("list", "list of lists", "dict of lists", "set"):
    saved = trained(kind)
    path = os.path.join(folder, f"{kind} {keras.__version__}.weights.h5")
    saved.save_weights(path)
    count, (equal, said) = tensors_in(path), loads_equal(saved, path, kind)
    print(f"keras {keras.__version__}, {kind:14s}: {count} of {len(saved.weights)} written, same output {equal}")
    if len(saved.weights) != 2:
        sys.exit(f"Changed: a model with a {kind} of layers has {len(saved.weights)} weights, not 2.")
    expected = (2, True, 0) if kind in writes else (0, False, 0)
    if (count, equal, said) != expected:
        sys.exit(f"Changed: keras {keras.__version__} treats a {kind} of layers differently ({count}, {equal}, {said}).")

older = os.path.join(folder, "list of lists 3.14.1.weights.h5")
if keras.__version__ == "3.15.1":
    equal, said = loads_equal(trained("list of lists"), older, "list of lists")
    print(f"keras 3.15.1 reading the nested file of 3.14.1: {said} warning(s), no error, same output {equal}")
    if equal or not said:
        sys.exit("Changed: keras 3.15.1 no longer merely warns about an older file without the nested layers.")
PYTHON

for version in 3.14.1 3.15.1; do
    install "keras==$version"
    "$folder/env/bin/python" "$folder/save_and_load.py" "$folder"
done
echo "As described: 3.14.1 loses layers in nested containers, 3.15.1 layers in a set, both silently."
