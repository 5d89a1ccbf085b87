"""Two devices that share a batch make the update of one: in a process of its own, with two logical processors."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

PROGRAM = Path(__file__).parents[2] / "fixtures" / "two_devices.py"
LIMIT = 1e-5


def run(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("case", ["steps", "learned"])
def test_losses_clipping_averages_and_weights_after_three_steps_are_those_of_one_device(tmp_path, case):
    """Batch norm frozen, each share in parts or whole; and learning, with statistics of the whole batch."""
    run(case, tmp_path / "found.npz")
    with np.load(tmp_path / "found.npz") as found:
        names = {name.split("/")[0] for name in found.files} - {"one"}
        assert names
        for name in names:
            np.testing.assert_allclose(found[f"{name}/variables"], found["one/variables"], atol=LIMIT, err_msg=name)
            np.testing.assert_allclose(found[f"{name}/losses"], found["one/losses"], rtol=LIMIT, err_msg=name)
        assert np.abs(found["one/variables"]).max() > 100 * LIMIT


@pytest.mark.slow
def test_a_training_goes_on_with_another_number_of_devices_and_steps_down_where_memory_runs_out(
    train_records, tmp_path
):
    said = run("fit", train_records, tmp_path)
    assert "STOPPED ['epoch-00000-batch-0000003']" in said
    assert "RESUMED 3" in said
    for name, expected in (("stopped", "one"), ("two", "one"), ("stepped down", "four")):
        folders = [tmp_path / run_name / "checkpoints" for run_name in (name, expected)]
        assert [p.name for p in sorted(folders[0].iterdir())] == [p.name for p in sorted(folders[1].iterdir())]
        for step in folders[1].iterdir():
            same_weights(*(folder / step.name / "model.weights.h5" for folder in folders))


def same_weights(found, expected):
    with h5py.File(found) as one, h5py.File(expected) as other:
        names = []
        other.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        assert names
        for name in names:
            np.testing.assert_allclose(one[name][()], other[name][()], atol=LIMIT, err_msg=name)
