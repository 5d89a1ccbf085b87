"""A state is whole, belongs to its run, and brings every variable back to the bit."""

import errno
import os
import resource

import keras
import numpy as np
import pytest

from kittidet.errors import TrainingError
from kittidet.training.resume import Progress, load_state, save_state


def group(*values):
    return {"network": [keras.Variable(np.array(v, np.float32)) for v in values]}


def test_no_state_means_a_fresh_run(tmp_path):
    assert load_state(tmp_path, group(1.0), identity="a") is None


def test_every_variable_comes_back_to_the_bit(tmp_path):
    draws = np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32)
    save_state(tmp_path, group(*draws), Progress(3, 30, [{"epoch": 3}]), identity="a")
    fresh = group(*np.zeros_like(draws))
    assert load_state(tmp_path, fresh, identity="a") == Progress(3, 30, [{"epoch": 3}])
    for found, expected in zip(fresh["network"], draws, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(found), expected)


def test_the_two_newest_states_stay_and_those_inside_an_epoch_follow_its_beginning(tmp_path):
    for epoch, batch in ((1, 0), (2, 0), (2, 7), (2, 10)):
        save_state(tmp_path, group(float(batch)), Progress(epoch, 1, [], batch), identity="a")
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"epoch-00002-batch-{n:07d}" for n in (7, 10)]
    assert load_state(tmp_path, group(0.0), identity="a") == Progress(2, 1, [], 10)


@pytest.mark.parametrize("name", ["variables.npz", "progress.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_a_damaged_state_is_passed_over_for_the_one_before(tmp_path, caplog, name, damage):
    for epoch in (1, 2):
        save_state(tmp_path, group(float(epoch)), Progress(epoch, epoch, [{"loss": 0.5}]), identity="a")
    file = tmp_path / "epoch-00002-batch-0000000" / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(content if damage == "flip" else content[:-5])
    variables = group(0.0)
    assert load_state(tmp_path, variables, identity="a") == Progress(1, 1, [{"loss": 0.5}])
    assert float(variables["network"][0].value) == 1.0
    assert "epoch-00002" in caplog.text


def test_without_a_whole_state_a_run_starts_over_and_says_so(tmp_path, caplog):
    save_state(tmp_path, group(1.0), Progress(1, 1, []), identity="a")
    (tmp_path / "epoch-00001-batch-0000000" / "progress.json").write_text("[]")
    assert load_state(tmp_path, group(0.0), identity="a") is None
    assert "start_over" in caplog.text


def test_a_half_written_state_is_passed_over(tmp_path):
    save_state(tmp_path, group(1.0), Progress(1, 1, []), identity="a")
    (tmp_path / ".epoch-00002-batch-0000000.partial-killed").mkdir()
    progress = load_state(tmp_path, group(0.0), identity="a")
    assert progress is not None
    assert progress.epoch == 1
    save_state(tmp_path, group(2.0), Progress(2, 2, []), identity="a")
    assert sorted(p.name[:11] for p in tmp_path.iterdir()) == ["epoch-00001", "epoch-00002"]


@pytest.mark.parametrize("room", [0, 10_000])
def test_a_disk_that_is_full_when_a_state_is_saved_leaves_the_one_before(tmp_path, room):
    """Not a byte fits, or a part of the file: as the system itself says it, by a limit on the size of files."""
    draws = np.random.default_rng(0).normal(size=(5, 4000)).astype(np.float32)
    save_state(tmp_path, group(*draws), Progress(1, 1, [{"loss": 0.5}]), identity="a")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            save_state(tmp_path, group(*(draws + 1)), Progress(2, 2, []), identity="a")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [p.name for p in tmp_path.glob("epoch-*")] == ["epoch-00001-batch-0000000"]
    fresh = group(*np.zeros_like(draws))
    assert load_state(tmp_path, fresh, identity="a") == Progress(1, 1, [{"loss": 0.5}])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(fresh["network"][0]), draws[0])


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_leaves_the_state_before(tmp_path):
    save_state(tmp_path, group(1.0), Progress(1, 1, []), identity="a")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError):
            save_state(tmp_path, group(2.0), Progress(2, 2, []), identity="a")
    finally:
        tmp_path.chmod(0o700)
    progress = load_state(tmp_path, group(0.0), identity="a")
    assert progress is not None
    assert progress.epoch == 1


def test_the_state_of_another_run_is_refused(tmp_path):
    save_state(tmp_path, group(1.0), Progress(1, 1, []), identity="a")
    with pytest.raises(TrainingError, match="different records, model or recipe"):
        load_state(tmp_path, group(1.0), identity="b")


def test_a_run_goes_on_from_the_state_of_the_shorter_one_that_it_extends(tmp_path):
    save_state(tmp_path, group(1.0), Progress(2, 20, []), identity="shorter")
    assert load_state(tmp_path, group(0.0), identity="longer", earlier="shorter") == Progress(2, 20, [])


def test_a_state_with_other_variables_is_refused(tmp_path):
    save_state(tmp_path, group(1.0, 2.0), Progress(1, 1, []), identity="a")
    with pytest.raises(TrainingError, match="expected 1 variables, got 2"):
        load_state(tmp_path, group(1.0), identity="a")
