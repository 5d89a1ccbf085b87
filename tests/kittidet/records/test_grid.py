"""Promises of the grid: every frame with its boxes, the image file whole or absent."""

import pytest
from fixtures.small_records import change
from PIL import Image

from kittidet.errors import RecordError
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


def test_a_record_without_image_cannot_be_drawn(three_records, tmp_path):
    change(three_records, **{"image/encoded": ("bytes", [b"no image"])})
    with pytest.raises(RecordError, match="image/encoded cannot be decoded"):
        draw_grid(three_records, tmp_path / "grid.png")
    assert not (tmp_path / "grid.png").exists()


def test_a_picture_that_cannot_be_written_is_named(three_records, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RecordError, match=r"grid\.png: cannot write the image"):
        draw_grid(three_records, tmp_path / "file" / "grid.png")
