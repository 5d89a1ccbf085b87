import numpy as np
import pytest

from kittidet.detect.letterbox import Letterbox, fit_letterbox, resized_hw, to_original

KITTI_WH = [(1242, 375), (1224, 370), (1238, 374), (1241, 376)]
SIZES_HW = [(512, 512), (640, 640), (384, 1280), (160, 512), (192, 640), (1536, 1536)]


def reference_resized_hw(size_wh, input_hw):
    """The arithmetic of google/automl efficientdet/dataloader.py: a float32 scale, then truncation."""
    width, height = size_wh
    scale = np.minimum(np.float32(input_hw[0]) / np.float32(height), np.float32(input_hw[1]) / np.float32(width))
    return int(np.float32(height) * scale), int(np.float32(width) * scale)


@pytest.mark.parametrize(
    "xyxy", [np.zeros((0, 4)), [[0, 0, 1242, 375]], [[10.25, 20.5, 30.75, 374]], [[-5, -5, 1300, 400], [1, 2, 3, 4]]]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_boxes_come_back_where_they_were(xyxy, dtype):
    xyxy = np.array(xyxy, dtype=dtype)
    box = fit_letterbox((1242, 375), (512, 512))
    back = box.to_original(box.to_input(xyxy))
    assert back.dtype == dtype
    assert back.shape == xyxy.shape
    np.testing.assert_allclose(back, xyxy, atol=2e-4 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("size_wh", KITTI_WH)
@pytest.mark.parametrize("input_hw", SIZES_HW)
def test_the_way_back_is_exact_after_the_row_of_a_batch_too(size_wh, input_hw):
    xyxy = np.random.default_rng(1).uniform(0, size_wh * 2, (100, 4)).astype(np.float32)
    box = Letterbox.from_row(fit_letterbox(size_wh, input_hw).row)
    np.testing.assert_allclose(box.to_original(box.to_input(xyxy)), xyxy, atol=5e-4)


def test_a_box_at_the_bottom_is_not_pulled_up():
    """One scale for both axes brings 374.00 back as 372.57: the resized height 154.6 was cut to 154."""
    box = fit_letterbox((1242, 375), (512, 512))
    placed = box.to_input(np.array([[0.0, 0.0, 1242.0, 374.0]]))
    assert placed[0, 3] * 1242 / 512 == pytest.approx(372.57, abs=0.01)
    assert box.to_original(placed)[0, 3] == pytest.approx(374.0, abs=1e-9)


@pytest.mark.parametrize("size_wh", [*KITTI_WH, (1, 1), (2000, 3), (100, 100)])
@pytest.mark.parametrize("input_hw", SIZES_HW)
def test_the_corners_of_the_frame_are_the_corners_of_the_resized_image(size_wh, input_hw):
    resized_h, resized_w = resized_hw(size_wh, input_hw)
    assert 1 <= resized_h <= input_hw[0]
    assert 1 <= resized_w <= input_hw[1]
    corners = fit_letterbox(size_wh, input_hw).to_input(np.array([[0.0, 0.0, *size_wh]]))
    np.testing.assert_allclose(corners, [[0, 0, resized_w, resized_h]])


@pytest.mark.parametrize("size_wh", KITTI_WH)
@pytest.mark.parametrize("input_hw", SIZES_HW)
def test_sizes_are_those_of_the_reference(size_wh, input_hw):
    assert resized_hw(size_wh, input_hw) == reference_resized_hw(size_wh, input_hw)


def test_a_row_that_the_reference_loses_to_rounding_is_kept():
    """The only difference: 370 * float32(100 / 370) is a hair below 100, and truncation makes it 99."""
    assert reference_resized_hw((1224, 370), (100, 1920)) == (99, 330)
    assert resized_hw((1224, 370), (100, 1920)) == (100, 330)


def test_a_width_that_fits_exactly_loses_no_pixel_to_rounding():
    assert int(1241 * (640 / 1241)) == 639
    assert resized_hw((1241, 376), (640, 640)) == (193, 640)


@pytest.mark.parametrize(("size_wh", "input_hw"), [((0, 10), (8, 8)), ((10, 10), (8, 0)), ((-1, 10), (8, 8))])
def test_sizes_must_be_positive(size_wh, input_hw):
    with pytest.raises(ValueError, match="expected positive sizes"):
        fit_letterbox(size_wh, input_hw)


@pytest.mark.parametrize("row", [[], [1, 1, 0], [0, 1, 0, 0], [1, -1, 0, 0], [1, 1, np.nan, 0]])
def test_a_row_that_is_no_letterbox_is_refused(row):
    with pytest.raises(ValueError, match="letterbox row: expected"):
        Letterbox.from_row(row)


def test_an_offset_shifts_the_input():
    box = Letterbox((2.0, 0.5), (-10.0, 4.0))
    np.testing.assert_allclose(box.to_input(np.array([[1.0, 2.0, 3.0, 4.0]])), [[-8, 5, -4, 6]])
    np.testing.assert_allclose(box.row, [2.0, 0.5, -10.0, 4.0])


def test_detections_are_clipped_to_the_image_and_those_in_the_padding_left_out():
    placed = np.array([[-5, -5, 10, 10], [60, 2, 70, 4], [20, 20, 30, 45], [0, 48, 50, 60]], np.float32)
    found = to_original(
        *("a", placed, np.array([0.9, 0.8, 0.7, 0.6]), np.array([1, 2, 3, 4])),
        letterbox=Letterbox((0.5, 0.5), (0.0, 0.0)),
        size_wh=(100, 80),
    )
    assert found.frame_id == "a"
    assert found.xyxy.tolist() == [[0, 0, 20, 20], [40, 40, 60, 80]]
    assert found.class_ids.tolist() == [1, 3]
    assert (found.xyxy.dtype, found.scores.dtype, found.class_ids.dtype) == (np.float32, np.float32, np.int32)
