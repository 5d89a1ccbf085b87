"""The background before any object: sky with clouds, a distant skyline, and the ground in perspective."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from kittidet.synthetic.camera import Camera
from kittidet.synthetic.draws import draws_for
from kittidet.synthetic.look import Look
from kittidet.synthetic.world import Street

Float32 = npt.NDArray[np.float32]
_TILE = 512  # side of the repeating grain, texels


@lru_cache(maxsize=1)
def grain() -> tuple[Float32, Float32]:
    """Return two repeating textures ``[512, 512]`` in -1..1: fine grain and broad patches."""
    draws = draws_for(9)
    fine = draws.integers(-128, 128, (_TILE, _TILE)).astype(np.float32) / 128
    fine = (fine + np.roll(fine, 1, 0) + np.roll(fine, 1, 1) + np.roll(fine, (1, 1), (0, 1))) / 2
    broad = np.zeros((_TILE, _TILE), np.float32)
    for cells in (8, 16, 32, 64):
        coarse = draws.integers(0, 256, (cells, cells)).astype(np.uint8)
        # Enlarge three copies side by side and cut out the middle one, so that it repeats without a seam.
        wide = Image.fromarray(np.tile(coarse, (3, 3))).resize((3 * _TILE, 3 * _TILE), Image.Resampling.BICUBIC)
        middle = np.asarray(wide)[_TILE : 2 * _TILE, _TILE : 2 * _TILE]
        broad += (middle.astype(np.float32) / 128 - 1) * (4.0 / cells) ** 0.5
    return np.clip(fine, -1, 1), np.clip(broad, -1, 1)


def paint_background(camera: Camera, look: Look, street: Street, s: float, drive_number: int) -> npt.NDArray[np.uint8]:
    """Return the empty road as uint8 ``[height, width, 3]``, ``s`` metres along the drive."""
    width, height = camera.size_wh
    horizon = int(min(height - 8, max(8, round(camera.horizon_px))))
    picture = np.empty((height, width, 3), np.float32)
    _paint_sky(picture, horizon, look, drive_number)
    _paint_skyline(picture, horizon, look, drive_number)
    _paint_ground(picture, horizon, camera, look, street, s)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _paint_sky(picture: Float32, horizon: int, look: Look, number: int) -> None:
    # At half resolution: the sky has no finer detail.
    width = picture.shape[1]
    rows, columns = np.arange((horizon + 1) // 2), np.arange((width + 1) // 2)
    rise = (rows.astype(np.float32) * 2 / horizon)[:, None, None] ** 1.5
    top, low = np.array(look.sky_top, np.float32), np.array(look.sky_low, np.float32)
    sky = top + (low - top) * rise
    shift = number * 97
    patches = grain()[1][(rows * 4 + shift)[:, None] % _TILE, (columns + shift)[None, :] % _TILE]
    cloud = np.clip(patches - 0.75 + look.cloud, 0, 1)[..., None]
    sky = sky + (248 - sky) * cloud
    picture[:horizon] = sky.repeat(2, 0)[:horizon].repeat(2, 1)[:, :width]


def _paint_skyline(picture: Float32, horizon: int, look: Look, number: int) -> None:
    width = picture.shape[1]
    broad = grain()[1]
    # Woods, hills or a town, by drive: how high and how rough the skyline is.
    high, rough = 10 + number * 7 % 24, 8 + number * 5 % 13
    outline = high + rough * broad[(number * 31) % _TILE, (np.arange(width) // 3) % _TILE]
    outline += rough / 2 * broad[(number * 57) % _TILE, np.arange(width) % _TILE]
    near = np.array((70, 86, 62), np.float32)
    colour = near + (np.array(look.sky_low, np.float32) - near) * 0.5
    span = picture[max(0, horizon - 70) : horizon]
    rows = np.arange(len(span), 0, -1, dtype=np.float32)[:, None]
    span[rows < outline[None, :]] = colour


def _paint_ground(picture: Float32, horizon: int, camera: Camera, look: Look, street: Street, s: float) -> None:
    height, width = picture.shape[:2]
    rows = np.arange(horizon, height, dtype=np.float32) + 0.5
    drop = np.maximum(rows - np.float32(camera.horizon_px), 0.5)
    z = np.float32(camera.focal_px * camera.height_m) / drop
    across = (np.arange(width, dtype=np.float32) + 0.5 - np.float32(camera.centre_xy[0])) / np.float32(camera.focal_px)
    x = across[None, :] * z[:, None] - np.float32(street.bend / 2) * (z * z)[:, None]
    along = z + np.float32(s)
    fine, broad = grain()
    near = np.clip(14 / z, 0, 1)[:, None]
    ix = (x * 24).astype(np.int32) & (_TILE - 1)
    iz = (along * 24).astype(np.int32)[:, None] & (_TILE - 1)
    texture = fine[iz, ix] * near * 0.14
    ix = (x * 7).astype(np.int32) & (_TILE - 1)
    iz = (along * 5).astype(np.int32)[:, None] & (_TILE - 1)
    patches = broad[iz, ix]
    texture += patches * np.clip(40 / z, 0, 1)[:, None] * 0.10

    surface = np.zeros(x.shape, np.uint8)
    walk = (x < street.left) | (x > street.right)
    surface[walk] = 1
    joint = (_beyond(along, 0.6) < 0.07)[:, None] | (_beyond(x, 0.6) < 0.07)
    texture -= (joint & walk & (z < 25)[:, None]) * np.float32(0.12)
    if street.greenery > 0.3:
        verge = (x < street.left - street.walk) | (x > street.right + street.walk)
        surface[verge] = 2
        texture *= 1 + verge * np.float32(1.2)
    kerb = np.maximum(0.16, z * 0.0016)[:, None] / 2
    surface[(np.abs(x - street.left) < kerb) | (np.abs(x - street.right) < kerb)] = 3
    surface[_marks(x, along, z, street) & (patches < 0.55)] = 4
    colours = np.array((look.asphalt, look.pavement, look.verge, (176, 174, 168), (214, 214, 208)), np.float32)
    lit = look.light.ambient + look.light.direct * max(0.0, -look.light.sun[1])
    brightness = np.float32(lit) * (1 + texture)
    if look.light.direct > 0.3:  # houses and trees beside the road cast shadows on stretches of it
        far = 1.5 * patches + broad[((along * 2).astype(np.int32) & (_TILE - 1))[:, None], 7]
        towards = x if look.light.sun[0] > 0 else -x
        brightness *= 1 - np.float32(0.42) * np.clip((far + towards * np.float32(0.12) - np.float32(0.75)) * 5, 0, 1)
    haze = (1 - np.exp(-np.minimum(z, 400) / np.float32(look.haze_m)))[:, None]
    brightness *= 1 - haze
    fog = np.array(look.sky_low, np.float32) * haze[..., None]
    picture[horizon:] = colours[surface] * brightness[..., None] + fog


def _beyond(metres: Float32, period: float) -> Float32:
    """Return how far each length is into its period, 0..1; much faster than a remainder."""
    turns = metres * np.float32(1 / period)
    return turns - np.floor(turns)


def _marks(x: Float32, along: Float32, z: Float32, street: Street) -> npt.NDArray[np.bool_]:
    """Return where white lines are: dashes between lanes, an edge line where there is no parking."""
    half = np.maximum(0.13, z * 0.0014)[:, None] / 2
    dashes = ((along % 12) < 5)[:, None]
    marks = (np.abs(x - street.lane_left / 2) < half) & dashes
    if street.right > 4.5 and street.parking[1] == 0:
        marks |= (np.abs(x - 1.75) < half) & dashes
    if street.parking == (0.0, 0.0):
        marks |= np.abs(x - (street.right - 0.35)) < half
    return marks
