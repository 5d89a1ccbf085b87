"""A folder says once that its run is finished, and of which run."""

import pytest

from kittidet.errors import TrainingError
from kittidet.training.extension import RESUME
from kittidet.training.result import read_result, write_result


def test_a_finished_run_keeps_one_state_to_be_extended_from(tmp_path):
    for epoch in (1, 2):
        (tmp_path / RESUME / f"epoch-{epoch:05d}-batch-0000000").mkdir(parents=True)
    assert read_result(tmp_path, "a") is None
    assert (tmp_path / RESUME).is_dir()
    write_result(tmp_path, "a", resumed_from_step=7, anchor_coverage=0.5)
    result = read_result(tmp_path, "a")
    assert (result.checkpoints, result.resumed_from_step, result.anchor_coverage) == ((), 7, 0.5)
    assert [p.name for p in (tmp_path / RESUME).iterdir()] == ["epoch-00002-batch-0000000"]


def test_the_result_of_the_shorter_run_that_is_extended_is_none_of_the_longer(tmp_path):
    write_result(tmp_path, "shorter", resumed_from_step=None, anchor_coverage=1.0)
    assert read_result(tmp_path, "longer", earlier="shorter") is None


def test_the_result_of_another_run_is_refused(tmp_path):
    write_result(tmp_path, "a", resumed_from_step=None, anchor_coverage=1.0)
    with pytest.raises(TrainingError, match="finished run with different records"):
        read_result(tmp_path, "b")
