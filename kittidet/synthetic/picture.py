"""Single images: a rendered frame of any size, and its PNG bytes."""

import io

from PIL import Image

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


def encode_png(image: Image.Image) -> bytes:
    """Return PNG bytes, with fast compression: noise does not shrink, whatever the effort."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
