"""The rate warms up, falls, and never rises again; the reference's own curve is there on request."""

from pathlib import Path

import numpy as np
import pytest

from kittidet.config import TrainConfig
from kittidet.training.schedule import WarmupDecay, fine_tune_schedule, warn_if_it_rises

ORACLE = Path(__file__).parents[4] / "shared" / "oracle" / "lr_schedule.npz"
# Batch 8, 100 steps an epoch, 50 epochs; the reference's two paths, a few of their values.
STEPS = [0, 1, 50, 99, 100, 101, 500, 2500, 4900, 5000]
TF1 = [0.001, 0.00109, 0.0055, 0.00991, 0.00998972636, 0.00998952053, 0.0097452784, 0.00483974162, 0.0, 1.02731583e-5]
TF2 = [0.008, 0.00802, 0.009, 0.00998, *TF1[4:]]


def reference(warmup_start):
    return WarmupDecay(peak=0.01, warmup_start=warmup_start, warmup_steps=100, total_steps=5000, shape="reference")


def rates(schedule, steps):
    return [float(schedule(step)) for step in steps]


@pytest.mark.parametrize(("warmup_start", "expected"), [(0.001, TF1), (0.008, TF2)])
def test_the_reference_curve_equals_the_reference(warmup_start, expected):
    np.testing.assert_allclose(rates(reference(warmup_start), STEPS), expected, rtol=2e-5, atol=1e-9)


@pytest.mark.parametrize(("warmup_start", "name"), [(0.001, "tf1_cosine"), (0.008, "tf2_cosine")])
def test_the_reference_curve_equals_all_stored_values(warmup_start, name):
    if not ORACLE.is_file():
        pytest.skip(f"the reference's rates are not here: {ORACLE}")
    with np.load(ORACLE) as oracle:
        np.testing.assert_allclose(rates(reference(warmup_start), oracle["steps"]), oracle[name], rtol=2e-5, atol=2e-9)


def recipe(**settings):
    return TrainConfig(learning_rate=0.08, **settings)


@pytest.mark.parametrize("batch_size", [2, 8, 64])
def test_the_default_rises_to_the_peak_and_then_never_again(batch_size):
    schedule = fine_tune_schedule(recipe(batch_size=batch_size, epochs=20, warmup_epochs=2), steps_per_epoch=10)
    curve = rates(schedule, range(210))
    peak = 0.08 * batch_size / 64
    assert curve[0] == pytest.approx(0.1 * peak)
    assert curve[20] == pytest.approx(peak)
    assert (np.diff(curve[:21]) > 0).all()
    assert (np.diff(curve[20:]) <= 1e-9).all()
    assert curve[200:] == pytest.approx([0] * 10, abs=1e-9)


def curve_of(shape, **settings):
    """The rate of 2 + 12 epochs of ten steps, without the warm-up, as shares of the peak."""
    schedule = fine_tune_schedule(
        recipe(batch_size=64, epochs=14, warmup_epochs=2, schedule=shape, **settings), steps_per_epoch=10
    )
    return np.array(rates(schedule, range(20, 141))) / 0.08


def test_a_step_decay_takes_a_tenth_at_two_thirds_and_again_near_the_end():
    curve = curve_of("step")
    assert curve[[0, 79, 80, 109, 110, 120]] == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01], rel=1e-5)


def test_a_constant_rate_stays():
    assert curve_of("constant") == pytest.approx(np.ones(121), rel=1e-6)


def test_restarts_come_back_to_the_peak_and_end_at_nothing():
    curve = curve_of("cosine_restarts", cycles=3)
    assert curve[[0, 40, 80]] == pytest.approx([1, 1, 1], abs=1e-6)
    assert curve[[20, 60, 100]] == pytest.approx([0.5] * 3, abs=1e-5)
    assert curve[[39, 79, 120]] == pytest.approx([0, 0, 0], abs=2e-3)
    assert (np.diff(curve)[[39, 79]] > 0.9).all()


@pytest.mark.parametrize(("optimizer", "peak"), [("sgd", 0.08), ("adamw", 0.004)])
def test_each_optimiser_has_a_peak_of_its_own(optimizer, peak):
    schedule = fine_tune_schedule(TrainConfig(optimizer=optimizer, batch_size=64), steps_per_epoch=10)
    assert schedule.peak == pytest.approx(peak)
    assert TrainConfig(optimizer=optimizer, learning_rate=0.5).peak_rate == 0.5


def test_no_warm_up_starts_at_the_peak():
    schedule = fine_tune_schedule(recipe(batch_size=64, epochs=1, warmup_epochs=0), steps_per_epoch=10)
    assert float(schedule(0)) == pytest.approx(0.08)


def test_a_run_shorter_than_its_warm_up_still_comes_down():
    schedule = fine_tune_schedule(recipe(batch_size=64, epochs=2, warmup_epochs=5), steps_per_epoch=1)
    assert rates(schedule, [0, 1, 2]) == pytest.approx([0.008, 0.08, 0.0], abs=1e-6)


def test_a_warm_up_as_long_as_the_run_is_refused():
    with pytest.raises(ValueError, match="warmup_steps < total_steps"):
        WarmupDecay(peak=1.0, warmup_start=0.1, warmup_steps=5, total_steps=5)


def test_the_configuration_builds_an_equal_schedule():
    schedule = reference(0.008)
    assert float(WarmupDecay.from_config(schedule.get_config())(77)) == float(schedule(77))


def test_a_rate_that_rises_after_its_fall_is_named_before_the_first_step(caplog):
    for shape in ("cosine", "step", "constant", "cosine_restarts"):
        warn_if_it_rises(WarmupDecay(peak=1.0, warmup_start=0.1, warmup_steps=100, total_steps=1000, shape=shape))
    assert not caplog.records
    warn_if_it_rises(WarmupDecay(peak=1.0, warmup_start=0.1, warmup_steps=100, total_steps=1000, shape="reference"))
    assert "until step 901 and then rises" in caplog.text
