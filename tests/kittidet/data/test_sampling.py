"""Frames with rare classes are drawn as often as LVIS' rule says, by seed and epoch alone."""

from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from kittidet.data.sampling import class_factors, repeat_factors, repeated_places
from kittidet.records.manifest import read_manifest


def test_a_class_is_repeated_by_the_root_of_how_rare_it_is_and_never_less_than_once():
    factors = class_factors(np.array([100, 40, 10, 1, 0]), 100, threshold=0.4)
    np.testing.assert_allclose(factors, [1, 1, 2, np.sqrt(40), 1])


def test_a_frame_is_repeated_as_its_rarest_class_and_one_without_objects_once(records):
    """Two shards: frames 0, 2, 4 and 1, 3. Car is in 0 and 3, Tram in 0, Pedestrian in 2, Van in 4."""
    found = repeat_factors(records, read_manifest(records), threshold=0.8)
    twice = np.sqrt(0.8 / 0.2)
    np.testing.assert_allclose(found, [twice, twice, twice, 1, np.sqrt(0.8 / 0.4)], rtol=1e-6)
    assert repeat_factors(records, read_manifest(records), threshold=0.2).tolist() == [1] * 5


def places(factors, epochs, seed=(3, 2)):
    draws = tf.data.Dataset.range(epochs).map(
        lambda epoch: repeated_places(np.float32(factors), seed=seed, epoch=epoch)
    )
    return [one.tolist() for one in draws.as_numpy_iterator()]


def test_whole_factors_are_drawn_exactly_each_use_with_a_place_of_its_own():
    assert places([1, 3, 1, 2], 2) == [[0, 1, 5, 9, 2, 3, 7]] * 2
    assert places([1, 1, 1], 1) == [[0, 1, 2]]


def test_the_part_behind_the_point_is_a_chance_that_each_epoch_draws_anew_from_the_seed():
    factors = [1.0, 2.4, 1.5]
    drawn = places(factors, 400)
    assert drawn[:20] == places(factors, 20)
    assert drawn[:20] != places(factors, 20, seed=(4, 2))
    uses = Counter(place % 3 for one in drawn for place in one)
    for frame, factor in enumerate(factors):
        assert uses[frame] / 400 == pytest.approx(factor, abs=0.1)
    assert all(len(set(one)) == len(one) for one in drawn)
