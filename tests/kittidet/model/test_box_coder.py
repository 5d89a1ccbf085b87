"""Codes turn anchors into boxes and back."""

import numpy as np
import pytest

from kittidet.model.box_coder import decode_boxes, encode_boxes

ANCHORS = np.array([[0, 0, 10, 20], [5, 5, 37, 21]], dtype=np.float32)


def test_a_box_that_is_its_anchor_has_the_code_zero():
    np.testing.assert_array_equal(np.asarray(encode_boxes(ANCHORS, ANCHORS)), np.zeros((2, 4), np.float32))


def test_codes_are_shift_and_log_stretch_in_y_x_h_w_order():
    box = np.array([[5, 20, 25, 60]], dtype=np.float32)  # 20 wide, 40 high, centre (15, 40)
    code = np.asarray(encode_boxes(box, ANCHORS[:1]))  # 10 wide, 20 high, centre (5, 10)
    np.testing.assert_allclose(code, [[(40 - 10) / 20, (15 - 5) / 10, np.log(2), np.log(2)]], rtol=1e-6)


def test_decoding_undoes_encoding():
    draws = np.random.default_rng(0)
    low = draws.uniform(0, 200, (50, 2))
    boxes = np.concatenate([low, low + draws.uniform(1, 100, (50, 2))], axis=1).astype(np.float32)
    anchors = np.tile(ANCHORS, (25, 1))
    np.testing.assert_allclose(np.asarray(decode_boxes(encode_boxes(boxes, anchors), anchors)), boxes, atol=1e-3)


@pytest.mark.parametrize("shape", [(0, 4), (3, 0, 4)])
def test_no_boxes_give_no_codes(shape):
    nothing = np.zeros(shape, np.float32)
    assert np.asarray(encode_boxes(nothing, nothing)).shape == shape
    assert np.asarray(decode_boxes(nothing, nothing)).shape == shape


def test_a_box_without_area_still_has_a_finite_code():
    assert np.isfinite(np.asarray(encode_boxes(np.array([[3, 3, 3, 3]], np.float32), ANCHORS[:1]))).all()
