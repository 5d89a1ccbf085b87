"""A folder says once that its run is finished, and of which run."""

import pytest

from kittidet.errors import TrainingError
from kittidet.training.result import RESUME, read_result, write_result


def test_a_finished_run_needs_its_state_no_longer(tmp_path):
    (tmp_path / RESUME).mkdir()
    assert read_result(tmp_path, "a") is None
    assert (tmp_path / RESUME).is_dir()
    write_result(tmp_path, "a", resumed_from_step=7, anchor_coverage=0.5)
    result = read_result(tmp_path, "a")
    assert (result.checkpoints, result.resumed_from_step, result.anchor_coverage) == ((), 7, 0.5)
    assert not (tmp_path / RESUME).exists()


def test_the_result_of_another_run_is_refused(tmp_path):
    write_result(tmp_path, "a", resumed_from_step=None, anchor_coverage=1.0)
    with pytest.raises(TrainingError, match="finished run with different records"):
        read_result(tmp_path, "b")
