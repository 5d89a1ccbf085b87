#!/usr/bin/env bash
# tf.io.decode_image and the default tf.io.decode_jpeg read other pixels than Pillow does.
#
# Packages: tensorflow-cpu 2.21.0, keras 3.15.1, pillow 13.0.0 (its wheel holds libjpeg-turbo),
# numpy 2.4.6.
#
# Expected: both libraries decode with libjpeg-turbo, so one JPEG gives one array.
#
# What happens: TensorFlow's default for `dct_method` is the fast, rough inverse transform; Pillow
# uses the accurate one. Two thirds of the values differ, by one level on average and by up to 20
# in a file of high quality. Grey and progressive files show the same.
# `decode_jpeg(dct_method="INTEGER_ACCURATE")` equals Pillow to the bit. `decode_image` has no
# such argument, so whoever wants those pixels has to know that a file is a JPEG beforehand.
#
# Why it matters: a detector trained through tf.data and served behind Pillow (or the other way
# round) sees slightly other images than it learnt from. A comparison of an exported model with
# the original then fails by more than the export's own error, and caches made by one reader do
# not match those of the other. One argument removes the difference.
#
# Seen (largest difference in levels, share of values that differ):
#   colour, quality 75: 5, 66 %, 1.0 level on average; quality 95: 20, 68 %, 1.1 on average;
#   grey, quality 75: 3, 48 %; quality 95: 18, 53 %;
#   progressive: as baseline. INTEGER_ACCURATE: 0 everywhere; decode_image = the default.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile 'tensorflow-cpu==2.21.0' 'keras==3.15.1' 'pillow==13.0.0' 'numpy==2.4.6' ||
    { echo "Not tried: the pinned packages could not be installed." >&2; exit 2; }

export TF_CPP_MIN_LOG_LEVEL=3 TF_ENABLE_ONEDNN_OPTS=0
"$folder/env/bin/python" - <<'PYTHON'
import io
import itertools
import sys

import numpy as np
import tensorflow as tf
from PIL import Image, features


def scene(height: int = 375, width: int = 1242) -> Image.Image:
    """Gradients, saturated rectangles with hard edges, and sensor noise."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([255 * x / width, 255 * y / height, 127 + 120 * np.sin(x / 17) * np.cos(y / 11)], axis=-1)
    for _ in range(60):
        left, top = random.integers(0, width - 40), random.integers(0, height - 30)
        across, down = random.integers(8, 120), random.integers(8, 60)
        pixels[top : top + down, left : left + across] = random.integers(0, 256, 3)
    pixels += random.normal(0, 8, pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype("uint8"))


def jpeg(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


if not features.check_feature("libjpeg_turbo"):
    sys.exit("Changed: this Pillow wheel does not decode with libjpeg-turbo.")

colour = scene()
for mode, quality, progressive in itertools.product(("RGB", "L"), (75, 95), (False, True)):
    data = jpeg(colour.convert(mode), quality=quality, progressive=progressive)
    pillow = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    default = tf.io.decode_jpeg(data, channels=3).numpy()
    general = tf.io.decode_image(data, channels=3, expand_animations=False).numpy()
    accurate = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE").numpy()

    off = np.abs(default - pillow)
    name = f"{mode:3s} quality {quality} {'progressive' if progressive else 'baseline':11s}"
    print(
        f"{name}: default differs by up to {off.max():2d}, {off.mean():.2f} on average, in {100 * (off > 0).mean():.0f} % "
        f"of values; accurate by up to {np.abs(accurate - pillow).max()}"
    )
    if not np.array_equal(general, default):
        sys.exit(f"Changed: decode_image and decode_jpeg now differ for {name}.")
    if not np.array_equal(accurate, pillow):
        sys.exit(f"Changed: INTEGER_ACCURATE no longer equals Pillow for {name}.")
    if off.max() < (8 if quality == 95 else 2) or (off > 0).mean() < 0.25:
        sys.exit(f"Changed: the default of decode_jpeg is now (nearly) what Pillow reads for {name}.")
PYTHON
echo "As described: TensorFlow's default JPEG pixels are not Pillow's; INTEGER_ACCURATE ones are."
