import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kittidet.errors import DatasetContractError
from kittidet.frame import Frame
from kittidet.report.images import read_image, save_image


def a_frame(path: Path) -> Frame:
    return Frame("7", path, (300, 100), ())


def test_an_image_is_in_the_page_and_beside_it(tmp_path):
    Image.new("L", (300, 100), 90).save(tmp_path / "x.png")
    image = read_image(a_frame(tmp_path / "x.png"))
    assert (image.mode, image.size) == ("RGB", (300, 100))
    shown = save_image(image, tmp_path, "new/7.png", frame_id="7", caption="two words")
    assert (shown["frame_id"], shown["caption"], shown["png"]) == ("7", "two words", "new/7.png")
    head, _, data = shown["data"].partition(",")
    assert head == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as inside, Image.open(tmp_path / "new/7.png") as beside:
        assert inside.size == beside.size == (shown["width"], shown["height"])


def test_a_16_bit_image_is_shown_as_the_detector_sees_it(tmp_path):
    Image.fromarray(np.full((100, 300), 90 << 8, np.uint16)).save(tmp_path / "x.png")
    assert read_image(a_frame(tmp_path / "x.png")).getextrema() == ((90, 90),) * 3


def test_an_image_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DatasetContractError, match=r"x\.png"):
        read_image(a_frame(tmp_path / "x.png"))
    (tmp_path / "x.png").write_bytes(b"no image")
    with pytest.raises(DatasetContractError, match=r"x\.png"):
        read_image(a_frame(tmp_path / "x.png"))
