"""The table of all comparisons, and an exit code that says whether the detector equals the reference."""

import numpy as np
import pytest
import typer

from kittidet.cli.parity import parity
from kittidet.training.schedule import WarmupDecay

STEPS = np.array([0, 50, 2500])


def write_rates(folder, *, off: float) -> None:
    """The learning rates of both reference curves, moved by a factor."""
    rates = {}
    for name, start in (("tf1_cosine", 0.001), ("tf2_cosine", 0.008)):
        curve = WarmupDecay(peak=0.01, warmup_start=start, warmup_steps=100, total_steps=5000, shape="reference")
        rates[name] = np.array([float(curve(step)) for step in STEPS]) * off
    np.savez(folder / "lr_schedule.npz", steps=STEPS, **rates)


def test_equal_numbers_pass(tmp_path, capsys):
    write_rates(tmp_path, off=1.0)
    parity(tmp_path)
    assert "2 of 2 comparisons pass" in capsys.readouterr().out


def test_a_difference_ends_with_exit_code_1(tmp_path, capsys):
    write_rates(tmp_path, off=1.01)
    with pytest.raises(typer.Exit):
        parity(tmp_path)
    assert "0 of 2 comparisons pass" in capsys.readouterr().out


def test_a_folder_without_reference_outputs_is_named(tmp_path):
    with pytest.raises(typer.BadParameter, match=str(tmp_path)):
        parity(tmp_path)
