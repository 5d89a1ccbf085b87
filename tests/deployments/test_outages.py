"""What a run outlives: others that wait, a server or a worker that is gone, a store that is away."""

import time

import pytest
from fixtures.real_runs import TRAINED_WITHIN_S, child_of, start, states_of

from deployments.catalog import GPU_POOL
from deployments.local.workers import worker_process

pytestmark = [pytest.mark.fault, pytest.mark.timeout(1800)]


def wait_for_child(run_id) -> None:
    deadline = time.monotonic() + TRAINED_WITHIN_S
    while child_of(run_id) is None:
        assert time.monotonic() < deadline, f"no training was started; was {states_of(run_id)}"
        time.sleep(0.5)


def test_runs_that_wait_for_the_gpu_pool_do_not_keep_the_next_one_from_starting(running_project):
    assert worker_process(running_project, GPU_POOL).stop()
    waiting = [start("gpu-pool", running_project) for _ in range(2)]
    for run in waiting:
        wait_for_child(run.id)
    third = start("gpu-pool", running_project)
    wait_for_child(third.id)
    assert "Late" not in states_of(third.id)
    assert [states_of(run.id)[-1] for run in waiting] == ["Running", "Running"]
