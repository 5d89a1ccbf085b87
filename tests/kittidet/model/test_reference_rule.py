"""The rule draws what it says, in the order of the names."""

import numpy as np
import pytest

from kittidet.model.reference_rule import image_by_rule, weights_by_rule


def test_no_shapes_no_weights():
    assert weights_by_rule({}) == {}


def test_names_are_drawn_in_sorted_order_whatever_the_order_given():
    shapes = {"b/kernel": (1, 1, 4, 2), "a/gamma": (3,), "c/class-predict/bias": (2,)}
    rng = np.random.default_rng(20240607)
    gamma, kernel, bias = rng.uniform(0.6, 1.4, 3), rng.normal(0, 1.2 / 2, (1, 1, 4, 2)), rng.normal(0, 0.1, 2)
    drawn = weights_by_rule(shapes)
    assert list(drawn) == sorted(shapes)
    np.testing.assert_array_equal(drawn["a/gamma"], gamma.astype(np.float32))
    np.testing.assert_array_equal(drawn["b/kernel"], kernel.astype(np.float32))
    np.testing.assert_allclose(drawn["c/class-predict/bias"], bias - 4.59511985, rtol=1e-6)


def test_a_name_without_a_rule_is_refused():
    with pytest.raises(ValueError, match="'global_step'"):
        weights_by_rule({"global_step": ()})


def test_images_repeat_and_change_with_the_seed():
    np.testing.assert_array_equal(image_by_rule(4, 6), image_by_rule(4, 6))
    assert not np.array_equal(image_by_rule(4, 6), image_by_rule(4, 6, seed=1))
