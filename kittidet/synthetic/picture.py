"""Single images: a rendered frame of any size, a plain one for full-scale tests, and their PNG bytes."""

import io

from PIL import Image, ImageDraw

from kittidet.synthetic.draws import draws_for
from kittidet.synthetic.plan import plan_set
from kittidet.synthetic.render import Drawing, draw_frame

_BLOCK = 64  # frames of one plan behind `draw_image`


def draw_image(size_wh: tuple[int, int], seed: int, frame: int) -> Drawing:
    """Return image and labels of one frame of an endless set; frames with nearby numbers share a drive.

    Args:
        size_wh: width and height, pixels.
        seed: of the set.
        frame: 0, 1, 2, ...; each can be rendered alone.
    """
    plan = plan_set(_BLOCK, seed + 1_000_003 * (frame // _BLOCK))
    line = frame % _BLOCK
    drive, at = plan.locate(plan.order.index(line))
    return draw_frame(drive, at, size_wh)


def draw_plain_image(size_wh: tuple[int, int], seed: int, frame: int) -> Image.Image:
    """Return an image of plain rectangles, quick to make and small to store; no two frames are equal."""
    draws = draws_for(seed, 18, frame)
    width, height = size_wh
    image = Image.new("RGB", size_wh, (150, 180, 210))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, height // 2, width, height), fill=(100, 100, 104))
    numbers = [int(n) for n in draws.integers(0, 256, 60)]
    for k in range(0, 60, 6):
        x, y = numbers[k] * width // 256, numbers[k + 1] * height // 256
        box = (x, y, x + 8 + numbers[k + 2] // 4, y + 8 + numbers[k + 3] // 4)
        draw.rectangle(box, fill=(numbers[k + 4], numbers[k + 5], 128))
    # The frame's number in bits along the top edge, so that different frames have different bytes.
    for bit in range(24):
        draw.point((bit % width, 0), fill=(255, 255, 255) if frame >> bit & 1 else (0, 0, 0))
    return image


def encode_png(image: Image.Image) -> bytes:
    """Return PNG bytes, with fast compression: noise does not shrink, whatever the effort."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
