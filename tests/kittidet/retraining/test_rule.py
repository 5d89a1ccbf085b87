"""kittidet.retraining.rule: a year of re-trainings without gain hardly ever promotes, and a clear gain does."""

import numpy as np
import pytest

from kittidet.config_retrain import RetrainConfig
from kittidet.eval.bootstrap import draw_weights
from kittidet.retraining.rule import is_promoted, level_of, weigh

FRAMES, LOOKS, YEARS = 400, 52, 300
CONFIG = RetrainConfig()
LEVEL = level_of(CONFIG)


@pytest.fixture(scope="module")
def weights():
    return draw_weights(FRAMES, resamples=1000, seed=0) / FRAMES


def differences(champion, challengers, weights):
    """Paired differences ``[1 + draws, looks]`` of per-frame scores ``[frames, ...]``."""
    paired = challengers - champion
    return np.concatenate([paired.mean(axis=0)[None], weights @ paired])


def scores(rng, looks: int):
    """What a frame adds to AP: most frames the same by every model, some with large differences."""
    return rng.standard_t(4, (FRAMES, looks)) * (rng.random((FRAMES, looks)) < 0.4)


def skewed(rng, looks: int):
    """A little better on nearly every frame, far worse on one of ten, the same on average."""
    is_worse = rng.random((FRAMES, looks)) < 0.1
    return np.where(is_worse, -rng.exponential(1, (FRAMES, looks)), rng.exponential(1 / 9, (FRAMES, looks)))


@pytest.mark.parametrize("challengers", [scores, skewed])
def test_a_year_without_gain_promotes_falsely_with_a_chance_of_a_twentieth_at_most(challengers, weights):
    rng = np.random.default_rng(1)
    fooled = 0
    for _ in range(YEARS):
        champion = scores(rng, 1) if challengers is scores else 0.0
        year = differences(champion, challengers(rng, LOOKS), weights)
        fooled += any(is_promoted(weigh(year[:, k], level=LEVEL), CONFIG) for k in range(LOOKS))
    assert fooled / YEARS <= 0.05


def test_a_clear_gain_promotes(weights):
    rng = np.random.default_rng(2)
    champion = scores(rng, 1)
    # Five standard errors.
    gain = 5 * np.sqrt(2 * 0.8 / FRAMES)
    found = differences(champion, scores(rng, 60) + gain, weights)
    promoted = [is_promoted(weigh(found[:, k], level=LEVEL), CONFIG) for k in range(60)]
    assert np.mean(promoted) > 0.8


def test_a_year_s_chance_is_divided_among_its_comparisons():
    assert level_of(CONFIG) == pytest.approx(0.05 / 52)
    assert level_of(RetrainConfig(alpha=0.1, looks=10)) == pytest.approx(0.01)


def test_not_worse_forgives_the_margin_and_no_more():
    rng = np.random.default_rng(3)
    draws = np.concatenate([[0.0], rng.normal(0, 0.001, 2000)])
    config = RetrainConfig(rule="not_worse", margin=0.005)
    assert is_promoted(weigh(draws, level=LEVEL), config)
    assert not is_promoted(weigh(draws, level=LEVEL), CONFIG)
    assert not is_promoted(weigh(draws - 0.004, level=LEVEL), config)


def test_the_bound_is_the_normal_one_or_lower():
    rng = np.random.default_rng(4)
    plain = np.concatenate([[0.01], 0.01 + rng.normal(0, 0.002, 200_000)])
    assert weigh(plain, level=LEVEL).lower_bound == pytest.approx(0.01 - 3.103 * 0.002, abs=1e-4)
    tail = rng.gamma(4, 1, 200_000)
    tail = 0.002 * (tail - tail.mean()) / tail.std()
    to_the_right, to_the_left = (np.concatenate([[0.01], 0.01 + sign * tail]) for sign in (1, -1))
    assert weigh(to_the_left, level=LEVEL).lower_bound < weigh(plain, level=LEVEL).lower_bound - 0.001
    assert weigh(to_the_right, level=LEVEL).lower_bound == pytest.approx(
        weigh(plain, level=LEVEL).lower_bound, abs=1e-4
    )


def test_equal_detections_are_not_better_but_not_worse():
    same = weigh(np.zeros(1001), level=LEVEL)
    assert same.lower_bound == 0
    assert not is_promoted(same, CONFIG)
    assert is_promoted(same, RetrainConfig(rule="not_worse"))


def test_too_few_draws_are_refused():
    with pytest.raises(ValueError, match=r"at least 100 draws, got 0\.0 and 50"):
        weigh(np.zeros(51), level=LEVEL)
    with pytest.raises(ValueError, match=r"got 0\.0 and 0"):
        weigh(np.concatenate([[0.0], np.full(1000, np.nan)]), level=LEVEL)
