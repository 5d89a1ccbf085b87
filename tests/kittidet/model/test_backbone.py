"""The backbone: drop-connect acts on whole samples, the squeeze-and-excite gate on whole channels."""

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy

from kittidet.model.backbone import Backbone, SqueezeExcite, drop_connect, kernel_initializer


def test_drop_connect_zeroes_whole_samples_and_keeps_the_mean():
    kept = convert_to_numpy(drop_connect(np.ones((4000, 2, 2, 1), np.float32), 0.8, keras.random.SeedGenerator(3)))
    first = kept[:, 0, 0, 0]
    assert set(np.unique(first)) == {np.float32(0.0), np.float32(1.25)}
    np.testing.assert_array_equal(kept, np.broadcast_to(first[:, None, None, None], kept.shape))
    assert first.mean() == pytest.approx(1.0, abs=0.05)


def test_drop_connect_repeats_with_its_seed():
    x = np.ones((64, 1, 1, 1), np.float32)
    a, b = (convert_to_numpy(drop_connect(x, 0.5, keras.random.SeedGenerator(7))) for _ in range(2))
    np.testing.assert_array_equal(a, b)


def test_squeeze_excite_gates_each_channel_by_the_means_of_all():
    layer = SqueezeExcite(3, 2, "swish")
    layer.build()
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype(np.float32)
    reduced = x.mean((1, 2)) @ convert_to_numpy(layer.reduce_kernel)[0, 0]
    reduced = reduced / (1 + np.exp(-reduced))
    gate = 1 / (1 + np.exp(-(reduced @ convert_to_numpy(layer.expand_kernel)[0, 0])))
    np.testing.assert_allclose(layer.call(x), x * gate[:, None, None], rtol=1e-5, atol=1e-6)


def test_kernels_start_normal_with_the_references_spread():
    values = convert_to_numpy(kernel_initializer(3, 64)((3, 3, 200, 64)))
    assert values.std() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)
    assert np.abs(values).max() > 3 * values.std()  # not truncated


def test_the_maps_have_strides_8_16_and_32_as_announced():
    backbone = Backbone("efficientnet-lite0")
    maps = backbone(np.zeros((1, 75, 130, 3), np.float32))
    assert [tuple(x.shape) for x in maps] == [(1, 10, 17, 40), (1, 5, 9, 112), (1, 3, 5, 320)]
    assert [tuple(s) for s in backbone.compute_output_shape((1, 75, 130, 3))] == [tuple(x.shape) for x in maps]
