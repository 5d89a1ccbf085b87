import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from fixtures.plain_images import draw_plain_image

from kittidet.synthetic.picture import draw_image, encode_png

SMALL = (310, 94)


def test_any_size_can_be_drawn():
    drawing = draw_image((200, 120), 1, 0)
    assert drawing.image.size == (200, 120)
    assert drawing.image.mode == "RGB"


def test_frames_near_in_number_are_like_each_other_and_others_are_not():
    def mean_difference(a: int, b: int) -> float:
        first, second = (np.asarray(draw_image(SMALL, 6, k).image, np.float64) for k in (a, b))
        return float(np.abs(first - second).mean())

    assert mean_difference(0, 1) > 0
    near, far = mean_difference(0, 1), np.mean([mean_difference(0, k) for k in (20, 30, 40, 50)])
    assert near < far


def test_bytes_do_not_depend_on_the_order_of_hashes():
    code = (
        "import hashlib; from kittidet.synthetic.picture import draw_image, encode_png\n"
        "d = draw_image((310, 94), 5, 3)\n"
        "print(hashlib.sha256(encode_png(d.image) + repr(d.objects).encode()).hexdigest())"
    )
    drawing = draw_image(SMALL, 5, 3)
    here = hashlib.sha256(encode_png(drawing.image) + repr(drawing.objects).encode()).hexdigest()
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        run = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
        assert run.stdout.strip() == here


@pytest.mark.parametrize("size_wh", [(1242, 375), (1224, 370), (1238, 374), (1241, 376)])
def test_plain_images_have_the_asked_size_and_differ(size_wh):
    images = [draw_plain_image(size_wh, 0, k) for k in range(20)]
    assert {image.size for image in images} == {size_wh}
    assert len({encode_png(image) for image in images}) == 20
    assert encode_png(images[7]) == encode_png(draw_plain_image(size_wh, 0, 7))
