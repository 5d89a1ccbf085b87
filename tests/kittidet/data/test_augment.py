import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kittidet.config import AugmentConfig
from kittidet.data.augment import (
    MIN_SIDE_PX,
    MIN_VISIBLE_SHARE,
    Draws,
    augment,
    draw,
    flip_horizontal,
    jitter_colour,
    keep_visible,
    scale_and_offset,
)
from kittidet.detect.preprocess import letterbox_row, resize_crop

MEAN, STD = np.float32([123.675, 116.28, 103.53]), np.float32([58.395, 57.12, 57.375])
OFF = AugmentConfig(flip=False, scale_min=1, scale_max=1, colour=0)


def noise(width=80, height=40, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def draws(**changes):
    middle = dict.fromkeys(Draws.__slots__, 0.5)
    return Draws(**{name: tf.constant(value, tf.float32) for name, value in {**middle, **changes}.items()})


def example(image, boxes=(), regions=()):
    return {
        "image": tf.constant(image),
        "boxes_xyxy": tf.constant(np.array(boxes, np.float32).reshape(-1, 4)),
        "class_ids": tf.range(1, len(boxes) + 1, dtype=tf.int32),
        "dont_care_xyxy": tf.constant(np.array(regions, np.float32).reshape(-1, 4)),
        "dont_care_class_ids": tf.range(5, 5 + len(regions), dtype=tf.int32),
    }


def run(item, drawn, config, input_hw=(40, 80)):
    out = augment(item, drawn, config=config, input_hw=input_hw)
    return {name: np.asarray(value) for name, value in out.items()}


@pytest.mark.parametrize("xyxy", [np.zeros((0, 4)), [[0, 0, 80, 40]], [[10, 5, 30, 20], [1, 2, 3, 4]]])
def test_two_flips_are_none(everywhere, xyxy):
    image, xyxy = noise(), np.array(xyxy, np.float32)
    once = everywhere(flip_horizontal, image, xyxy)
    np.testing.assert_array_equal(once[0], image[:, ::-1])
    twice = everywhere(flip_horizontal, *once)
    np.testing.assert_array_equal(twice[0], image)
    np.testing.assert_allclose(twice[1], xyxy)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_flipped_box_names_the_first_and_last_of_the_same_pixels(data):
    """KITTI's boxes are inclusive: a box from column 10 to 29 covers twenty columns, here painted white."""
    width, height = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 40))
    left, right = sorted(data.draw(st.tuples(*[st.integers(0, width - 1)] * 2)))
    top, bottom = sorted(data.draw(st.tuples(*[st.integers(0, height - 1)] * 2)))
    image = np.zeros((height, width, 3), np.uint8)
    image[top : bottom + 1, left : right + 1] = 255
    flipped, boxes = flip_horizontal(tf.constant(image), tf.constant([[left, top, right, bottom]], tf.float32))
    rows, columns = np.nonzero(flipped.numpy()[..., 0])
    assert boxes.numpy().tolist() == [[columns.min(), rows.min(), columns.max(), rows.max()]]


@pytest.mark.parametrize("name", ["train_up", "train_down", "train_one"])
def test_scale_and_crop_are_those_of_the_reference(oracle, everywhere, name):
    """The reference's crops with its draws pinned: size, offset and pixels."""
    image = oracle["image"]
    scale, offset_y, offset_x = (np.float32(v) for v in oracle[f"{name}/draws_scale_offy_offx"])
    size_wh = np.int32(image.shape[1::-1])
    resized, offset = everywhere(
        lambda s: scale_and_offset(s, (512, 512), scale=scale, offset_y=offset_y, offset_x=offset_x), size_wh
    )
    np.testing.assert_array_equal(resized, oracle[f"{name}/scaled_hw"])
    if f"{name}/offset_yx" in oracle:
        np.testing.assert_array_equal(offset, oracle[f"{name}/offset_yx"])
    crop = everywhere(lambda i: resize_crop(i, resized_hw=resized, offset_hw=offset, input_hw=(512, 512)), image)
    rows, columns = crop.shape[:2]
    np.testing.assert_allclose((crop - MEAN) / STD, oracle[f"{name}/image"][:rows, :columns], atol=1e-4)
    assert not oracle[f"{name}/image"][rows:].any()
    assert not oracle[f"{name}/image"][:, columns:].any()


@pytest.mark.parametrize("name", ["train_up", "train_down", "train_one"])
def test_boxes_of_a_crop_are_those_of_the_reference(oracle, name):
    """Equal but for the reference's clip to the last pixel, and for the slivers that it keeps."""
    image = oracle["image"]
    pixels = oracle["boxes_norm"][:, [1, 0, 3, 2]] * np.tile(np.float32(image.shape[1::-1]), 2)
    scale, offset_y, offset_x = oracle[f"{name}/draws_scale_offy_offx"]
    config = AugmentConfig(flip=False, scale_min=float(scale), scale_max=float(scale), colour=0)
    item = {**example(image, pixels), "class_ids": tf.constant(oracle["labels"], tf.int32)}
    out = run(item, draws(scale=0.0, offset_y=float(offset_y), offset_x=float(offset_x)), config, (512, 512))
    want = oracle[f"{name}/boxes"][:, [1, 0, 3, 2]]
    got = np.minimum(np.concatenate([out["boxes_xyxy"], out["dont_care_xyxy"]]), 511)
    for box in want:
        assert np.abs(got - box).max(axis=1).min() < 1e-2, box
    assert len(got) == len(want)


def test_colour_draws_in_the_middle_change_nothing(everywhere):
    image = noise().astype(np.float32)
    half = np.float32(0.5)
    out = everywhere(lambda i: jitter_colour(i, strength=0.4, brightness=half, contrast=half, saturation=half), image)
    np.testing.assert_allclose(out, image, atol=1e-3)


def test_colour_stays_within_a_pixels_range(everywhere):
    image = noise().astype(np.float32)
    one = np.float32(1.0)
    out = everywhere(lambda i: jitter_colour(i, strength=1.0, brightness=one, contrast=one, saturation=one), image)
    assert out.min() >= 0
    assert out.max() <= 255
    assert np.abs(out - image).mean() > 10


def test_no_saturation_is_grey_and_no_brightness_is_black(everywhere):
    image = noise().astype(np.float32)
    zero, half = np.float32(0), np.float32(0.5)
    grey = everywhere(lambda i: jitter_colour(i, strength=1.0, brightness=half, contrast=half, saturation=zero), image)
    np.testing.assert_allclose(grey[..., 0], grey[..., 2], atol=1e-3)
    black = everywhere(lambda i: jitter_colour(i, strength=1.0, brightness=zero, contrast=half, saturation=half), image)
    assert not black.any()


@pytest.mark.parametrize(
    ("xyxy", "clipped", "kept"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), True),
        ((-10, 0, 10, 10), (0, 0, 10, 10), True),  # half is left
        ((-30, 0, 10, 10), (0, 0, 10, 10), True),  # a quarter
        ((-31, 0, 10, 10), (0, 0, 10, 10), False),
        ((-20, 0, 0, 10), (0, 0, 0, 10), False),  # gone
        ((75, 35, 95, 39), (75, 35, 80, 39), True),
        ((0, 0, 100, 0.9), (0, 0, 80, 0.9), False),  # thinner than a pixel
    ],
)
def test_what_a_crop_leaves_of_a_box_decides(everywhere, xyxy, clipped, kept):
    boxes, mask = everywhere(lambda b: keep_visible(b, np.int32([40, 80])), np.float32([xyxy]))
    np.testing.assert_allclose(boxes[0], clipped)
    assert mask.tolist() == [kept]
    assert (MIN_VISIBLE_SHARE, MIN_SIDE_PX) == (0.25, 1.0)


def test_no_boxes_leave_no_boxes(everywhere):
    boxes, mask = everywhere(lambda b: keep_visible(b, np.int32([40, 80])), np.zeros((0, 4), np.float32))
    assert boxes.shape == (0, 4)
    assert mask.shape == (0,)


def test_with_everything_off_the_frame_is_only_letterboxed():
    image = noise()
    out = run(example(image, [[1, 2, 30, 20]], [[3, 4, 5, 6]]), draws(flip=0.0), OFF, (40, 100))
    np.testing.assert_allclose(out["image"], image, atol=1e-4)
    assert out["boxes_xyxy"].tolist() == [[1, 2, 30, 20]]
    assert out["dont_care_xyxy"].tolist() == [[3, 4, 5, 6]]
    assert out["dont_care_class_ids"].tolist() == [5]
    assert out["letterbox"].tolist() == [1, 1, 0, 0]


def test_objects_and_regions_move_with_the_pixels():
    """A frame with one coloured object and one coloured region: after all changes, the boxes hold the colours."""
    image = np.zeros((100, 200, 3), np.uint8)
    image[30:60, 100:140] = (255, 0, 0)
    image[10:30, 60:80] = (0, 0, 255)
    config = AugmentConfig(flip=True, scale_min=1.3, scale_max=1.3, colour=0)
    for flip in (0.0, 0.9):
        drawn = draws(flip=flip, offset_x=0.4, offset_y=0.3)
        out = run(example(image, [[100, 30, 140, 60]], [[60, 10, 80, 30]]), drawn, config, (100, 200))
        for boxes, channel in ((out["boxes_xyxy"], 0), (out["dont_care_xyxy"], 2)):
            (left, top, right, bottom) = np.round(boxes[0]).astype(int)
            inside = out["image"][top + 1 : bottom - 1, left + 1 : right - 1, channel]
            assert inside.min() > 200
            assert out["image"][..., channel].sum() == pytest.approx(255 * (right - left) * (bottom - top), rel=0.1)


def test_what_is_left_of_a_cut_object_is_dont_care():
    item = example(noise(), [[0, 0, 79, 39], [0, 0, 8, 8]])
    config = AugmentConfig(flip=False, scale_min=2, scale_max=2, colour=0)
    out = run(item, draws(offset_x=0.1625, offset_y=0.0), config)
    assert out["class_ids"].tolist() == [1]
    np.testing.assert_allclose(out["boxes_xyxy"], [[0, 0, 80, 40]])
    np.testing.assert_allclose(out["dont_care_xyxy"], [[0, 0, 3, 16]])
    assert out["dont_care_class_ids"].tolist() == [0]


def test_a_region_that_left_the_canvas_is_gone():
    config = AugmentConfig(flip=False, scale_min=2, scale_max=2, colour=0)
    out = run(example(noise(), [], [[60, 30, 70, 35]]), draws(offset_x=0.0, offset_y=0.0), config)
    assert out["dont_care_xyxy"].shape == (0, 4)


def test_the_row_leads_back_to_the_frame_where_there_was_no_flip():
    size_wh = np.int32([80, 40])
    resized, offset = scale_and_offset(size_wh, (40, 80), scale=1.37, offset_y=0.5, offset_x=0.25)
    config = AugmentConfig(flip=False, scale_min=1.37, scale_max=1.37, colour=0)
    out = run(example(noise(), [[30, 10, 50, 30]]), draws(offset_y=0.5, offset_x=0.25), config)
    np.testing.assert_allclose(out["letterbox"], letterbox_row(size_wh, resized, offset))
    back = (out["boxes_xyxy"] - np.tile(out["letterbox"][2:], 2)) / np.tile(out["letterbox"][:2], 2)
    np.testing.assert_allclose(back, [[30, 10, 50, 30]], atol=1e-4)


def test_draws_follow_from_seed_epoch_and_index_alone(everywhere):
    def all_draws(seed, epoch, index):
        return everywhere(
            lambda e, i: [getattr(draw(seed, e, i), name) for name in Draws.__slots__], np.int64(epoch), np.int64(index)
        )

    first = all_draws(1, 2, 3)
    assert first == all_draws(1, 2, 3)
    assert len(set(first)) == len(Draws.__slots__)
    assert all(0 <= value < 1 for value in first)
    others = [all_draws(*key) for key in ((0, 2, 3), (1, 3, 3), (1, 2, 4), (1, 3, 2), (2, 1, 3))]
    assert all(not set(first) & set(other) for other in others)


def test_colour_is_saturation_then_contrast_then_brightness(everywhere):
    """The same steps one after the other, in NumPy."""
    image = np.random.default_rng(5).uniform(60, 190, (6, 7, 3)).astype(np.float32)
    brightness, contrast, saturation = np.float32([0.4, 0.7, 0.9])
    out = everywhere(
        lambda i: jitter_colour(i, strength=0.3, brightness=brightness, contrast=contrast, saturation=saturation), image
    )
    grey = (image @ np.array([0.299, 0.587, 0.114]))[..., None]
    coloured = grey + (image - grey) * 1.24
    want = 0.94 * (coloured.mean() + (coloured - coloured.mean()) * 1.12)
    np.testing.assert_allclose(out, np.clip(want, 0, 255), atol=1e-2)


def test_boxes_hold_to_their_pixels_over_five_hundred_draws():
    """A rectangle of a colour of its own, flipped, resized and cut at random, is found again where its box says."""
    config, input_hw = AugmentConfig(flip=True, scale_min=0.6, scale_max=1.4, colour=0), (60, 200)
    change = tf.function(lambda item, n: augment(item, draw(5, n, n), config=config, input_hw=input_hw))
    places = np.random.default_rng(2)
    found = 0
    for number in range(500):
        left, top = places.integers(0, (150, 30))
        right, bottom = left + places.integers(10, 50), top + places.integers(10, 30)
        image = np.zeros((60, 200, 3), np.uint8)
        image[top : bottom + 1, left : right + 1] = (255, 0, 255)
        out = change(example(image, [[left, top, right, bottom]]), tf.constant(number, tf.int64))
        boxes = np.concatenate([out["boxes_xyxy"], out["dont_care_xyxy"]])
        # More than half of such a pixel is the rectangle's.
        rows, columns = np.nonzero(out["image"][..., 0].numpy() > 127)
        if len(boxes) == 0 or len(rows) == 0:
            # All but a line of pixels is outside.
            assert min(len(set(rows)), len(set(columns))) <= 1, number
            assert all(min(box[2] - box[0], box[3] - box[1]) <= 1 for box in boxes), number
            continue
        extent = [columns.min(), rows.min(), columns.max(), rows.max()]
        np.testing.assert_allclose(boxes[0], extent, rtol=0, atol=1.001, err_msg=str(number))
        found += 1
    assert found > 400
