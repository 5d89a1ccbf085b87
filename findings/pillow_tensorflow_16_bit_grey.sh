#!/usr/bin/env bash
# One 16-bit grey PNG is a white image through Pillow's convert("RGB") and a correct one through
# TensorFlow.
#
# Packages: pillow 13.0.0, tensorflow-cpu 2.21.0, keras 3.15.1, numpy 2.4.6.
#
# Expected: an 8-bit view of a 16-bit image keeps its look: the high byte, or value / 257.
#
# What happens: for grey images Pillow's `convert("RGB")` and `convert("L")` cut everything above
# 255 off instead of scaling: 256 and 65535 both become 255, and only the darkest 1/256 of the
# range survives. TensorFlow's `decode_png(channels=3)` and `decode_image` keep the high byte. So
# does Pillow itself once the same PNG has colour or alpha: only plain grey is cut. No library
# warns.
#
# Why it matters: thermal, depth and microscope images, and exports of camera raw data, come as
# 16-bit grey PNG. `Image.open(path).convert("RGB")`, the first line of most data loaders, turns
# them into white sheets: the detector trains on boxes over nothing and only the AP tells. Where
# training reads with TensorFlow and the service with Pillow, evaluation is fine and the service
# finds nothing. Scale `np.asarray(image)` (mode "I;16") before converting.
#
# Seen: a ramp over all 65536 values is 255 in 99.6 % of pixels through Pillow (grey), mean 254.5
# against 127.5 through TensorFlow. The same ramp as grey with alpha, RGB or RGBA is equal in both.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile 'tensorflow-cpu==2.21.0' 'keras==3.15.1' 'pillow==13.0.0' 'numpy==2.4.6' ||
    { echo "Not tried: the pinned packages could not be installed." >&2; exit 2; }

export TF_CPP_MIN_LOG_LEVEL=3 TF_ENABLE_ONEDNN_OPTS=0
"$folder/env/bin/python" - <<'PYTHON'
import io
import sys

import numpy as np
import tensorflow as tf
from PIL import Image

ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
high_byte = np.repeat((ramp >> 8).astype(np.uint8)[..., None], 3, axis=-1)
layouts = {"grey": 1, "grey with alpha": 2, "RGB": 3, "RGBA": 4}

for layout, channels in layouts.items():
    pixels = np.repeat(ramp[..., None], channels, axis=-1)
    if channels in (2, 4):
        pixels[..., -1] = 65535
    data = tf.io.encode_png(pixels).numpy()
    image = Image.open(io.BytesIO(data))
    pillow = np.asarray(image.convert("RGB"))
    tensorflow = tf.io.decode_png(data, channels=3).numpy()
    general = tf.io.decode_image(data, channels=3, expand_animations=False).numpy()
    print(
        f"{layout:15s} (Pillow mode {image.mode:4s}): mean {pillow.mean():5.1f} through Pillow, "
        f"{tensorflow.mean():5.1f} through TensorFlow; {100 * (pillow == 255).mean():.1f} % white through Pillow"
    )

    if not (np.array_equal(tensorflow, high_byte) and np.array_equal(general, high_byte)):
        sys.exit(f"Changed: TensorFlow no longer gives the high byte of a 16-bit {layout} PNG.")
    if layout != "grey":
        if not np.array_equal(pillow, high_byte):
            sys.exit(f"Changed: Pillow no longer gives the high byte of a 16-bit {layout} PNG.")
        continue
    cut = np.minimum(ramp, 255).astype(np.uint8)
    if not np.array_equal(pillow, np.repeat(cut[..., None], 3, axis=-1)):
        sys.exit('Changed: convert("RGB") no longer cuts 16-bit grey at 255.')
    if not np.array_equal(np.asarray(image.convert("L")), cut):
        sys.exit('Changed: convert("L") no longer cuts 16-bit grey at 255.')
    if not np.array_equal(np.asarray(image), ramp):
        sys.exit("Changed: the opened image no longer holds all 16 bits.")
PYTHON
echo "As described: a 16-bit grey PNG is white through Pillow's convert and right through TensorFlow."
