"""Resampling follows the reference's rules on odd sizes."""

import numpy as np
import pytest
from keras.ops import convert_to_numpy

from kittidet.model.resample import resize_to


def ramp(height: int, width: int) -> np.ndarray:
    return np.arange(height * width, dtype=np.float32).reshape(1, height, width, 1)


def test_the_same_size_is_left_alone():
    x = ramp(3, 4)
    assert resize_to(x, (3, 4)) is x


@pytest.mark.parametrize(
    ("size", "target", "rows"),
    [
        (1, 2, [0, 0]),
        (3, 6, [0, 0, 1, 1, 2, 2]),
        (5, 9, [0, 0, 1, 1, 2, 2, 3, 3, 4]),
        (3, 5, [0, 0, 1, 1, 2]),
        (10, 20, [i // 2 for i in range(20)]),
        (20, 39, [i * 20 // 39 for i in range(39)]),
    ],
)
def test_enlarging_takes_the_floor_of_the_scaled_position(size, target, rows):
    x = ramp(size, 3)
    np.testing.assert_array_equal(resize_to(x, (target, 3)), x[:, rows])
    turned = np.swapaxes(x, 1, 2)
    np.testing.assert_array_equal(resize_to(turned, (3, target)), turned[:, :, rows])


@pytest.mark.parametrize(("size", "target"), [(2, 1), (4, 2), (5, 3), (39, 20), (1, 1)])
def test_shrinking_takes_the_maximum_of_three_with_the_extra_pixel_at_the_end(size, target):
    x = -ramp(size, 1)  # Falling, so that the first of a window wins and shows where the window starts.
    got = convert_to_numpy(resize_to(np.concatenate([x, x], axis=2), (target, 1)))[0, :, 0, 0]
    stride = (size - 1) // target + 1
    pad_before = max((target - 1) * stride + stride + 1 - size, 0) // 2
    starts = [max(i * stride - pad_before, 0) for i in range(target)]
    np.testing.assert_array_equal(got, x[0, starts, 0, 0])


def test_one_axis_up_and_one_down_is_refused():
    with pytest.raises(ValueError, match="one axis grows"):
        resize_to(ramp(2, 8), (4, 4))
