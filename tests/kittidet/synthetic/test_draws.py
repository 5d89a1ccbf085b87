import numpy as np
import pytest

from kittidet.synthetic.draws import draws_for, from_quantiles, pick


def test_a_key_gives_the_same_draws_whatever_was_drawn_before():
    expected = draws_for(3, 7).random(5)
    draws_for(3, 8).random(100)
    np.testing.assert_array_equal(draws_for(3, 7).random(5), expected)
    assert (draws_for(7, 3).random(5) != expected).all()


def test_draws_have_the_given_quantiles():
    quantiles = (1.0, 2.0, 10.0, 11.0, 40.0)
    draws = draws_for(1)
    values = [from_quantiles(draws, quantiles) for _ in range(20_000)]
    assert np.quantile(values, (0.05, 0.25, 0.5, 0.75, 0.95)) == pytest.approx(quantiles, rel=0.05, abs=0.05)
    # The line between the two lowest quantiles, carried on to 0 %.
    assert min(values) >= 1.0 - 0.25


def test_a_pick_follows_its_weights_and_never_takes_one_of_zero():
    draws = draws_for(2)
    counts = np.bincount([pick(draws, (3.0, 0.0, 1.0)) for _ in range(8_000)], minlength=3)
    assert counts[1] == 0
    assert counts[0] / counts[2] == pytest.approx(3, rel=0.1)
