"""Promises of the image contract: damage, lies about size and pixels that do not decode are found."""

import struct
import zlib

import pytest
from fixtures.encoded_images import chunk, encode, exif, street

from kittidet.config import ValidateConfig
from kittidet.kitti.tree import open_tree
from kittidet.kitti.validation.image_files import find_image_faults


def png(width: int, height: int, pixels: bytes) -> bytes:
    """A PNG whose chunks are all right, whatever its pixels are."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def found(root, data: bytes, **settings):
    (root / "training/image_2/000002.png").write_bytes(data)
    sizes, findings = find_image_faults(open_tree(root), config=ValidateConfig(**settings))
    assert {f.frame_id for f in findings} <= {"000002"}
    assert all(f.message.count("image_2/000002.png") for f in findings)
    return sizes.get("000002"), [(f.check, f.severity) for f in findings]


def test_an_empty_tree_has_no_images(tmp_path):
    for name in ("image_2", "label_2"):
        (tmp_path / name).mkdir()
    assert find_image_faults(open_tree(tmp_path), config=ValidateConfig()) == ({}, [])


def test_right_images_have_sizes_and_no_faults(small_tree):
    sizes, findings = find_image_faults(open_tree(small_tree), config=ValidateConfig())
    assert sizes == {f"{k:06d}": (120, 40) for k in range(4)}
    assert findings == []


@pytest.mark.parametrize("pixels", [True, False])
def test_a_png_cut_short_or_another_format_has_no_size(small_tree, make_png, pixels):
    assert found(small_tree, make_png(120, 40)[:-20], check_pixels=pixels) == (None, [("image_png", "error")])
    assert found(small_tree, b"GIF89a", check_pixels=pixels) == (None, [("image_png", "error")])
    assert found(small_tree, b"\xff\xd8\xff\xe0JFIF", check_pixels=pixels) == (None, [("image_jpeg", "error")])
    assert found(small_tree, b"", check_pixels=pixels) == (None, [("image_png", "error")])


@pytest.mark.parametrize(
    "pixels",
    [b"", b"not deflate", zlib.compress(bytes(100)), zlib.compress(bytes(361 * 39)), zlib.compress(b"\x09" * 361 * 40)],
)
def test_pixels_that_do_not_decode_are_found_only_if_asked(small_tree, pixels):
    data = png(120, 40, pixels)
    assert found(small_tree, data) == ((120, 40), [("image_pixels", "error")])
    assert found(small_tree, data, check_pixels=False) == ((120, 40), [])


@pytest.mark.parametrize("size", [(31, 40), (40, 31), (1, 1), (8193, 40), (40, 8193), (2**31 - 1, 2**31 - 1)])
def test_an_implausible_size_is_found_without_decoding(small_tree, size):
    """The last one claims pixels enough to fill any memory."""
    assert found(small_tree, png(*size, zlib.compress(b""))) == (size, [("image_size", "error")])


@pytest.mark.parametrize("size", [(32, 8192), (8192, 32)])
def test_sizes_up_to_the_limits_are_accepted(small_tree, make_png, size):
    assert found(small_tree, make_png(*size)) == (size, [])


@pytest.mark.parametrize(("size", "advice"), [((31, 40), "Change the setting"), ((8193, 40), "Scale it down")])
def test_a_size_beyond_the_limits_comes_with_what_can_be_done(small_tree, size, advice):
    (small_tree / "training" / "image_2" / "000001.png").write_bytes(png(*size, zlib.compress(b"")))
    _, findings = find_image_faults(open_tree(small_tree), config=ValidateConfig())
    assert advice in findings[0].message


def test_plausible_sides_are_a_setting(small_tree, make_png):
    assert found(small_tree, make_png(60, 20), side_px=(20, 120)) == ((60, 20), [])


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_another_kind_of_pixels_is_a_warning(small_tree, make_png, mode):
    assert found(small_tree, make_png(120, 40, mode)) == ((120, 40), [("image_kind", "warning")])


@pytest.mark.parametrize("check_pixels", [True, False])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_pixels_that_do_not_lie_upright_are_an_error(small_tree, make_png, orientation, check_pixels):
    """Records and labels are of the pixels as stored, what most tools show is turned. Case: png_exif_orientation."""
    data = make_png(120, 40)
    body = exif(orientation).tobytes().removeprefix(b"Exif\0\0")
    faults = [("image_orientation", "error")] if orientation > 1 else []
    turned = data[:33] + chunk(b"eXIf", body) + data[33:]
    assert found(small_tree, turned, check_pixels=check_pixels) == ((120, 40), faults)


@pytest.mark.parametrize("check_pixels", [True, False])
def test_a_jpeg_is_an_image_and_refused_where_its_tag_would_turn_it(small_tree, check_pixels):
    """case: jpg_images"""
    image = street().resize((120, 40))
    assert found(small_tree, encode(image, "JPEG"), check_pixels=check_pixels) == ((120, 40), [])
    turned = encode(image, "JPEG", exif=exif(6))
    assert found(small_tree, turned, check_pixels=check_pixels) == ((120, 40), [("image_orientation", "error")])
    cut = encode(image, "JPEG")[:-40]
    assert found(small_tree, cut, check_pixels=check_pixels) == (None, [("image_jpeg", "error")])
    grey = encode(image.convert("L"), "JPEG")
    assert found(small_tree, grey, check_pixels=check_pixels) == ((120, 40), [("image_kind", "warning")])
