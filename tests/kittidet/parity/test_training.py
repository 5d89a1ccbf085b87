"""Schedules and losses against the reference."""

from pathlib import Path

import numpy as np
import pytest

from kittidet.parity.comparison import Comparison, checks, compare_all
from kittidet.parity.training import one_rounding_off, only_last_losses_off

ORACLE = Path(__file__).parents[4] / "shared" / "oracle"


@pytest.mark.parametrize("name", ["lr_schedule", "loss_cases", pytest.param("train_step", marks=pytest.mark.slow)])
def test_training_is_the_references(name, tmp_path):
    file = ORACLE / f"{name}.npz"
    if not file.is_file():
        pytest.skip(f"the reference's numbers are not here: {file}")
    assert f"{name}.npz" in checks()
    (tmp_path / file.name).symlink_to(file)
    lines = [line for _, line in compare_all(tmp_path)]
    assert lines
    assert [line for line in lines if not line.passed] == []


def test_one_rounding_off_is_each_values_neighbour_above_or_below():
    value = np.float32([[1.0, -3.5, 1e-3, 0.7]] * 50)
    moved = one_rounding_off(value, seed=1)
    assert moved.dtype == np.float32
    above, below = np.nextafter(value, np.float32(np.inf)), np.nextafter(value, np.float32(-np.inf))
    assert np.all((moved == above) | (moved == below))
    assert 0.3 < np.mean(moved == above) < 0.7
    assert (moved == one_rounding_off(value, seed=1)).all()
    assert (moved != one_rounding_off(value, seed=2)).any()


@pytest.mark.parametrize(
    ("failing", "again"),
    [
        ([], False),
        (["step 2"], True),
        (["step 2 of run 3", "step 2 of run 3"], True),
        (["step 1"], False),
        (["step 1", "step 2"], False),
        (["709 variables", "step 2"], False),
    ],
)
def test_steps_are_taken_again_only_where_nothing_but_the_last_losses_is_off(failing, again):
    lines = [Comparison("step 2", "l2_loss", 0.0, 0.0, passed=True)]
    lines += [Comparison(subject, "loss", 1.0, 1.0, passed=False) for subject in failing]
    assert only_last_losses_off(lines) is again
