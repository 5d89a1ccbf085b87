"""Promises of JPEG checks: size without decoding, and a file that breaks off is found."""

import pytest
from fixtures.encoded_images import encode, jpegs_and_bmps, street

from kittidet.errors import DatasetContractError
from kittidet.kitti.jpeg import check_jpeg_bytes, is_jpeg, parse_jpeg_header

JPEGS = {name: data for name, data in jpegs_and_bmps().items() if name.startswith("jpeg")}
WHOLE = encode(street(), "JPEG")


@pytest.mark.parametrize("name", JPEGS)
def test_every_kind_of_jpeg_is_whole_and_has_its_size(name):
    header = check_jpeg_bytes(JPEGS[name], where="x")
    assert is_jpeg(JPEGS[name])
    assert header.size_wh == (91, 61)
    assert header.is_rgb8 == ("grey" not in name and "cmyk" not in name)


@pytest.mark.parametrize("name", [name for name in JPEGS if name != "jpeg of two images"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 1])
def test_a_jpeg_cut_short_anywhere_says_so(name, share):
    data = JPEGS[name]
    with pytest.raises(DatasetContractError, match="x: JPEG truncated: expected an end marker"):
        check_jpeg_bytes(data[: int(share * len(data)) - 2], where="x")


def test_of_two_images_the_first_has_to_be_whole():
    first = JPEGS["jpeg of two images"].index(b"\xff\xd9") + 2
    assert check_jpeg_bytes(JPEGS["jpeg of two images"][:first], where="x").size_wh == (91, 61)
    with pytest.raises(DatasetContractError, match="x: JPEG truncated: expected an end marker"):
        check_jpeg_bytes(JPEGS["jpeg of two images"][: first - 2], where="x")


def test_what_cameras_put_after_the_end_is_passed_over():
    assert check_jpeg_bytes(WHOLE + b"preview" + WHOLE[:90], where="x").size_wh == (91, 61)


def test_fill_bytes_before_a_marker_are_allowed():
    assert check_jpeg_bytes(WHOLE[:2] + b"\xff\xff" + WHOLE[2:], where="x").size_wh == (91, 61)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (WHOLE[:2] + b"\0\0" + WHOLE[2:], "expected a marker at byte 2, got 00 00"),
        (WHOLE[:2] + b"\xff\xd9", "without a frame header"),
        (b"\xff\xd8\xff\xc0\0\x0b\x0c\0\x08\0\x08\x01\0\0\0", "8 bits a sample, got 12"),
        (b"\xff\xd8\xff\xc0\0\x0b\x08\0\0\0\x08\x01\0\0\0", "with pixels, got 8x0"),
        (b"\xff\xd8\xff\xc0\0\x04\x08\0", "too short"),
        (b"\xff\xd8\xff\xc0\0\x0b\x08\0\x08\0\x08\x01\0\0\0\xff\xd9", "expected a scan, got none"),
        (b"\xff\xd8\xff\xe0\0\0", "truncated"),
    ],
)
def test_damage_is_named(data, said):
    with pytest.raises(DatasetContractError, match=said):
        check_jpeg_bytes(data, where="x")


def test_the_header_needs_the_files_start_alone():
    scan = WHOLE.index(b"\xff\xda")
    assert parse_jpeg_header(WHOLE[:scan], where="x").size_wh == (91, 61)
