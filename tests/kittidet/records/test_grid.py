"""Promises of the grid: every frame with its boxes, the image file whole or absent."""

import numpy as np
import pytest
from fixtures.encoded_images import SIZE_WH, encode, exif, pngs, street
from fixtures.small_records import change
from PIL import Image

from kittidet.detect.preprocess import decode_rgb
from kittidet.errors import RecordError
from kittidet.records.example import SIDES
from kittidet.records.grid import draw_grid


def test_the_grid_shows_every_frame_and_replaces_nothing_half(three_records, tmp_path):
    out = tmp_path / "pictures" / "grid.png"
    draw_grid(three_records, out, columns=2, width=400)
    with Image.open(out) as image:
        image.load()
        assert image.width == 400
        assert len(image.getcolors(10**6)) > 100
    assert [p.name for p in out.parent.iterdir()] == ["grid.png"]


def test_boxes_are_in_the_grid(three_records, tmp_path):
    """The picture with boxes differs from the one without them."""
    draw_grid(three_records, tmp_path / "with.png")
    empty = {
        f"image/{kind}/bbox/{side}": ("float", [])
        for kind in ("object", "dont_care")
        for side in ("xmin", "ymin", "xmax", "ymax")
    }
    change(three_records, **empty, **{"image/object/class/label": ("int64", []), "image/object/class/text": None})
    draw_grid(three_records, tmp_path / "without.png")
    with Image.open(tmp_path / "with.png") as one, Image.open(tmp_path / "without.png") as other:
        assert one.tobytes() != other.tobytes()


def shown(folder, out, data, size_wh):
    """The grid's picture of one record with this image and no boxes, without its frame and caption."""
    no_boxes = {f"image/{k}/bbox/{side}": None for k in ("object", "dont_care") for side in SIDES}
    change(
        folder,
        **no_boxes,
        **{"image/encoded": ("bytes", [data]), "image/object/class/label": None, "image/object/class/text": None},
    )
    draw_grid(folder, out, frames=1, columns=1, width=size_wh[0] + 16)
    with Image.open(out) as image:
        return np.asarray(image)[-size_wh[1] - 8 : -8, 8:-8]


@pytest.mark.parametrize("name", pngs())
def test_the_grid_shows_the_pixels_that_a_reader_gets(three_records, tmp_path, name, everywhere):
    """Case: png_16bit_grey, which Pillow by itself draws white."""
    expected = everywhere(decode_rgb, pngs()[name])
    np.testing.assert_array_equal(shown(three_records, tmp_path / "grid.png", pngs()[name], SIZE_WH), expected)


def test_the_grid_does_not_turn_what_readers_of_records_do_not_turn(three_records, tmp_path):
    data = encode(street(), "PNG", exif=exif(6))
    np.testing.assert_array_equal(shown(three_records, tmp_path / "grid.png", data, SIZE_WH), np.asarray(street()))


def test_a_record_without_image_cannot_be_drawn(three_records, tmp_path):
    change(three_records, **{"image/encoded": ("bytes", [b"no image"])})
    with pytest.raises(RecordError, match="image/encoded cannot be decoded"):
        draw_grid(three_records, tmp_path / "grid.png")
    assert not (tmp_path / "grid.png").exists()


def test_a_picture_that_cannot_be_written_is_named(three_records, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RecordError, match=r"grid\.png: cannot write the image"):
        draw_grid(three_records, tmp_path / "file" / "grid.png")


def test_values_of_another_kind_are_not_drawn(three_records, tmp_path):
    change(three_records, **{"image/object/class/text": ("int64", [1, 2, 3])})
    draw_grid(three_records, tmp_path / "grid.png")
    assert (tmp_path / "grid.png").is_file()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("side", [1e30, float("inf"), float("nan")])
def test_a_box_far_outside_the_image_costs_no_time(three_records, tmp_path, side):
    change(three_records, **{f"image/dont_care/bbox/{name}": ("float", [-side, side]) for name in SIDES})
    draw_grid(three_records, tmp_path / "grid.png")
    assert (tmp_path / "grid.png").is_file()


def test_images_that_records_refer_to_are_drawn_alike(three_records, referring_records, three_frames, tmp_path):
    draw_grid(three_records, tmp_path / "held.png")
    draw_grid(referring_records, tmp_path / "referred.png", images_dir=three_frames.images_dir)
    assert (tmp_path / "held.png").read_bytes() == (tmp_path / "referred.png").read_bytes()
    with pytest.raises(RecordError, match="or the folder of the image it refers to, got neither"):
        draw_grid(referring_records, tmp_path / "none.png")
