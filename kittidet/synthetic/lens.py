"""The effect of lens and sensor on the image: softness, exposure, colour cast, vignette, noise."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from kittidet.synthetic.draws import draws_for
from kittidet.synthetic.look import Look


def develop(picture: npt.NDArray[np.uint8], look: Look, *key: int) -> Image.Image:
    """Return the finished image; the key seeds the noise."""
    height, width = picture.shape[:2]
    image = Image.fromarray(picture)
    if look.blur > 0.2:  # less than that is invisible
        image = Image.blend(image, image.filter(ImageFilter.SMOOTH), look.blur)
    gain = look.exposure * np.array((look.warmth, 1.0, 1 / look.warmth), np.float32)
    # A mild S-curve, as cameras apply, folded into one table per channel.
    levels = np.arange(256, dtype=np.float32)[:, None] / 255 * gain
    curve = np.clip(levels * levels * (3 - 2 * np.clip(levels, 0, 1)) * 0.35 + levels * 0.65, 0, 1) * 255
    image = image.point([round(float(v)) for v in curve.T.ravel()])
    draws = draws_for(*key)
    tile = draws.integers(0, 256, (height * width // 2 + 4096,), dtype=np.uint8)
    # The mean of two uniform draws per pixel, equal in all channels: luminance noise, bell-shaped, fast, exact.
    n = height * width
    start = int(draws.integers(0, 2048))
    first, second = np.resize(tile, n), np.resize(tile[start + 1 :], n)
    bell = (first.astype(np.int16) + second - 255).reshape(height, width)
    shift = (bell * int(look.noise * 64)) // (104 * 64)
    out = np.asarray(image).astype(np.int16) + shift[..., None].astype(np.int16)
    return Image.fromarray(np.clip(out, 0, 255).astype(np.uint8))
