import numpy as np
import pytest

from kittidet.detect.letterbox import fit_letterbox, resized_hw
from kittidet.detect.preprocess import (
    boxes_to_input,
    fit_hw,
    letterbox_row,
    normalise_pad,
    preprocess,
    resize_crop,
    size_wh_of,
)

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def noise(width, height, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size_wh", [(1242, 375), (1224, 370), (1241, 376), (5, 3000), (1, 1)])
@pytest.mark.parametrize("input_hw", [(512, 512), (384, 1280), (160, 512)])
def test_the_size_is_that_of_the_letterbox(everywhere, size_wh, input_hw):
    assert tuple(everywhere(lambda s: fit_hw(s, input_hw), np.int32(size_wh))) == resized_hw(size_wh, input_hw)


def test_an_image_becomes_network_input_with_its_row(everywhere):
    image, row = everywhere(lambda i: preprocess(i, input_hw=(96, 128), pixel_mean=MEAN, pixel_std=STD), noise(200, 60))
    box = fit_letterbox((200, 60), (96, 128))
    assert image.shape == (96, 128, 3)
    np.testing.assert_array_equal(row, box.row)
    height, width = resized_hw((200, 60), (96, 128))
    assert image[height - 1, width - 1].any()
    assert not image[height:].any()
    assert not image[:, width:].any()


def test_the_size_of_an_image_is_width_then_height(everywhere):
    assert everywhere(size_wh_of, noise(7, 4)).tolist() == [7, 4]


def test_the_row_is_that_of_the_letterbox(everywhere):
    size_wh, input_hw = (1242, 375), (512, 512)
    row = everywhere(lambda s: letterbox_row(s, fit_hw(s, input_hw), np.zeros(2, np.int32)), np.int32(size_wh))
    np.testing.assert_allclose(row, fit_letterbox(size_wh, input_hw).row, rtol=1e-6)


@pytest.mark.parametrize("xyxy", [np.zeros((0, 4)), [[0, 0, 10, 10], [5, 6, 7, 8]]])
def test_boxes_go_into_the_input_as_the_letterbox_says(everywhere, xyxy):
    xyxy = np.array(xyxy, np.float32)
    box = fit_letterbox((1242, 375), (160, 512))
    np.testing.assert_allclose(everywhere(boxes_to_input, xyxy, box.row), box.to_input(xyxy), rtol=1e-6)


def test_a_crop_is_a_part_of_the_whole(everywhere):
    image = noise(40, 20)
    size = {"resized_hw": np.int32([30, 60])}
    whole = everywhere(lambda i: resize_crop(i, offset_hw=np.int32([0, 0]), input_hw=(99, 99), **size), image)
    part = everywhere(lambda i: resize_crop(i, offset_hw=np.int32([4, 9]), input_hw=(10, 16), **size), image)
    assert whole.shape == (30, 60, 3)
    np.testing.assert_array_equal(part, whole[4:14, 9:25])


def test_padding_is_0_at_the_bottom_and_right(everywhere):
    image = np.full((3, 5, 3), 200, np.float32)
    out = everywhere(lambda i: normalise_pad(i, input_hw=(8, 9), pixel_mean=MEAN, pixel_std=STD), image)
    assert out.shape == (8, 9, 3)
    np.testing.assert_allclose(out[:3, :5], np.broadcast_to((200 - np.array(MEAN)) / STD, (3, 5, 3)), rtol=1e-5)
    assert not out[3:].any()
    assert not out[:, 5:].any()


def test_resizing_does_not_average_as_in_the_reference(everywhere):
    """One bright column in ten: plain bilinear at a tenth of the size sees all or nothing of it."""
    image = np.zeros((20, 200, 3), np.uint8)
    image[:, ::10] = 250
    size = {"resized_hw": np.int32([2, 20]), "offset_hw": np.int32([0, 0]), "input_hw": (2, 20)}
    assert everywhere(lambda i: resize_crop(i, **size), image)[:, 2:-2].mean() == 0


@pytest.mark.parametrize(("name", "input_hw"), [("eval_512", (512, 512)), ("eval_384x1280", (384, 1280))])
def test_the_letterboxed_frame_is_that_of_the_reference(oracle, everywhere, name, input_hw):
    """Same size, pixels within 1e-4 of normalised units: the reference normalises before it resizes."""
    size_wh = oracle["image"].shape[1::-1]
    resized = np.int32(oracle[f"{name}/scaled_hw"])
    assert tuple(resized) == resized_hw(size_wh, input_hw)
    out = everywhere(
        lambda i: normalise_pad(
            resize_crop(i, resized_hw=resized, offset_hw=np.int32([0, 0]), input_hw=input_hw),
            input_hw=input_hw,
            pixel_mean=MEAN,
            pixel_std=STD,
        ),
        oracle["image"],
    )
    np.testing.assert_allclose(out, oracle[f"{name}/image"], atol=1e-4)


@pytest.mark.parametrize(("name", "input_hw"), [("eval_512", (512, 512)), ("eval_384x1280", (384, 1280))])
def test_boxes_in_the_input_are_those_of_the_reference(oracle, name, input_hw):
    """The reference clips to the last pixel, this project leaves a box its real extent: equal but for that clip."""
    size_wh = oracle["image"].shape[1::-1]
    pixels = oracle["boxes_norm"][:, [1, 0, 3, 2]] * np.tile(np.float32(size_wh), 2)
    got = fit_letterbox(size_wh, input_hw).to_input(pixels)
    limit = np.tile([input_hw[1] - 1, input_hw[0] - 1], 2)
    np.testing.assert_allclose(np.minimum(got, limit), oracle[f"{name}/boxes"][:, [1, 0, 3, 2]], atol=1e-3)
