"""Trees, bushes and hedges: clumps of leaves rendered once and pasted at any size."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

from kittidet.synthetic.canvas import Canvas, Colour
from kittidet.synthetic.draws import draws_for
from kittidet.synthetic.mesh import Light, PartBuilder, Pose, paint_parts
from kittidet.synthetic.world import Thing

_KINDS = 10
_SIDE = 256  # pixels of the largest clump; smaller ones are halved from it
_SMALLEST = 16
_LEAVES: tuple[Colour, ...] = ((58, 84, 38), (74, 98, 44), (44, 70, 36), (96, 104, 48), (118, 92, 44))


def paint_green(canvas: Canvas, thing: Thing, light: Light) -> None:
    """Paint a "tree", "bush" or "hedge"."""
    x, y, z = thing.pose.xyz
    height, width, length = thing.hwl
    brightness = round((light.ambient + 0.6 * light.direct) * 16)
    kind = thing.variant % _KINDS

    def clump(cx: float, low: float, high: float, cz: float, half: float, which: int) -> None:
        scale = canvas.camera.focal_px / cz
        left = canvas.camera.centre_xy[0] + (cx - half) * scale
        top = canvas.camera.centre_xy[1] + (y - high) * scale
        side = _SIDE
        while side > _SMALLEST and side > 2.8 * half * scale * 2:
            side //= 2
        box = (left, top, left + 2 * half * scale, top + (high - low) * scale)
        canvas.sprite(*_clump(which % _KINDS, side, brightness), box)

    if thing.type == "hedge":
        count = 5
        for k in range(count - 1, -1, -1):
            cz = z - length / 2 + (k + 0.5) * length / count
            if cz > 2.0:
                clump(x, -0.15, height, cz, width * 0.75, kind + k % 2 * 5)
    elif thing.type == "tree":
        trunk = PartBuilder((0, height / 3, 0))
        thick = 0.015 * height + 0.05
        trunk.box((-thick, 0, -thick), (thick, height * 0.5, thick), (74, 60, 46))
        paint_parts(canvas, (trunk.build(),), Pose(thing.pose.xyz, 0.4), light)
        clump(x - 0.16 * width, height * 0.4, height * 0.88, z, width * 0.42, kind + 5)
        clump(x + 0.18 * width, height * 0.32, height * 0.8, z, width * 0.36, kind + 5)
        clump(x, height * 0.3, height, z, width / 2, kind)
    else:
        clump(x, -0.1, height, z, width / 2, kind)


@lru_cache(maxsize=128)
def _clump(kind: int, side: int, brightness: int) -> tuple[Image.Image, Image.Image]:
    """Return a clump of leaves, RGB and mask, of a given side; ``brightness`` in sixteenths."""
    picture = _foliage(kind)
    if side < _SIDE:
        picture = picture.resize((side, side), Image.Resampling.BOX)
    table = [min(255, v * brightness // 16) for _ in range(3) for v in range(256)]
    mask = picture.getchannel("A").point([255 if a > 127 else 0 for a in range(256)])
    return picture.convert("RGB").point(table), mask


@lru_cache(maxsize=_KINDS)
def _foliage(kind: int) -> Image.Image:
    draws = draws_for(12, kind)
    yy, xx = np.mgrid[0:_SIDE, 0:_SIDE].astype(np.float32) / (_SIDE / 2) - 1
    lump, light = np.zeros((_SIDE, _SIDE), np.float32), np.zeros((_SIDE, _SIDE), np.float32)
    for _ in range(60):
        cx, cy = (float(v) for v in draws.uniform(-0.68, 0.68, 2))
        if cx * cx + cy * cy > 0.46:
            continue
        radius = float(draws.uniform(0.10, 0.30))
        distance = ((xx - np.float32(cx)) ** 2 + (yy - np.float32(cy)) ** 2) / np.float32(radius**2)
        inside = distance < 1
        lump[inside] = 1
        up = (np.float32(cy) - yy) / np.float32(radius) * 0.25 + float(draws.uniform(0, 0.35))
        light[inside] = ((1 - distance) * 0.4 + up)[inside]
    speckle = _speckle(draws, _SIDE // 2) * 0.6 + _speckle(draws, _SIDE // 5) * 0.4
    soft = Image.fromarray((lump * 255).astype(np.uint8)).filter(ImageFilter.BoxBlur(11))
    alpha = np.asarray(soft).astype(np.float32) / 255 + (speckle - 0.5) * 1.1 > 0.5
    shade = 0.30 + 0.45 * np.clip(light, 0, 1) + 1.3 * (speckle - 0.38) - 0.16 * yy
    rgba = np.empty((_SIDE, _SIDE, 4), np.uint8)
    base = np.array(_LEAVES[kind % len(_LEAVES)], np.float32)
    rgba[..., :3] = np.clip(base * shade[..., None] * 1.45, 0, 255).astype(np.uint8)
    rgba[..., 3] = np.where(alpha, 255, 0)
    return Image.fromarray(rgba)


def _speckle(draws: np.random.Generator, cells: int) -> np.ndarray:
    coarse = Image.fromarray(draws.integers(0, 256, (cells, cells)).astype(np.uint8))
    return np.asarray(coarse.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)).astype(np.float32) / 255
