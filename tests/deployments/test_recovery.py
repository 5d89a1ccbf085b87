"""What comes back by itself: runs that are killed on workers that `up` starts, against a server of their own."""

import json
import os

import pytest
from fixtures.real_runs import (
    EPOCHS,
    NOTICED_WITHIN_S,
    TRAINED_WITHIN_S,
    child_of,
    kill,
    processes_of,
    start,
    state_of,
    states_of,
    training_of,
    wait_for,
    wait_for_saved_state,
)

from deployments.automations import SETTLED_S, SILENCE_S
from deployments.catalog import CPU_POOL, GPU_POOL, HEARTBEAT_S
from deployments.local.workers import ensure_workers, start_worker, worker_process
from kittidet.store import Store

pytestmark = [pytest.mark.fault, pytest.mark.timeout(7200)]


def test_a_training_killed_in_the_gpu_pool_goes_on_from_its_saved_state_while_its_parent_waits(running_project):
    run = start("gpu-pool", running_project)
    wait_for_saved_state(running_project)
    child_id = child_of(run.id)
    kill(processes_of(str(child_id)))
    assert wait_for(child_id, {"Crashed"}, NOTICED_WITHIN_S) == "Crashed"
    assert wait_for(run.id, {"Completed", "Failed", "Crashed"}, SETTLED_S + TRAINED_WITHIN_S) == "Completed"
    assert states_of(child_id)[-1] == "Completed"
    assert training_of(running_project)["resumed_from_step"] > 0
    assert json.loads((running_project.root / "runs" / "demo" / "summary.json").read_text())["best_epoch"] == EPOCHS


def test_a_killed_run_started_anew_goes_on_from_the_saved_state(running_project):
    first = start("here", running_project)
    wait_for_saved_state(running_project)
    kill(processes_of(str(first.id)))
    assert wait_for(first.id, {"Crashed"}, NOTICED_WITHIN_S) == "Crashed"
    second = start("here", running_project)
    assert wait_for(second.id, {"Completed", "Failed", "Crashed"}, TRAINED_WITHIN_S) == "Completed"
    assert training_of(running_project)["resumed_from_step"] > 0


def test_a_run_killed_with_its_worker_is_found_crashed_and_goes_on_once_a_worker_is_back(running_project):
    run = start("here", running_project)
    wait_for_saved_state(running_project)
    worker = worker_process(running_project, CPU_POOL).pid()
    kill([worker, *processes_of(str(run.id))])
    assert state_of(run.id) == "Running"
    # The last heartbeat may be as old as the process; the server looks every few seconds.
    wait_for(run.id, {"Crashed"}, HEARTBEAT_S + SILENCE_S + NOTICED_WITHIN_S)
    wait_for(run.id, {"AwaitingRetry", "Late"}, SETTLED_S + NOTICED_WITHIN_S)
    ensure_workers(running_project, os.environ["PREFECT_API_URL"])
    assert wait_for(run.id, {"Completed", "Failed", "Crashed"}, TRAINED_WITHIN_S) == "Completed"
    assert training_of(running_project)["resumed_from_step"] > 0


def test_workers_with_nothing_in_common_but_a_url_share_the_work_and_outlive_a_kill(
    running_project, bucket, monkeypatch
):
    # The worker of each pool has a cache of its own, as on a machine of its own.
    for pool in (CPU_POOL, GPU_POOL):
        worker_process(running_project, pool).stop()
    for pool in (CPU_POOL, GPU_POOL):
        monkeypatch.setenv("KITTIDET_STORE_CACHE", str(running_project.root / pool.name))
        assert start_worker(running_project, pool, os.environ["PREFECT_API_URL"])
    run = start("gpu-pool", running_project, store=bucket)
    wait_for_saved_state(running_project, f"{GPU_POOL.name}/*")
    child_id = child_of(run.id)
    kill(processes_of(str(child_id)))
    assert wait_for(child_id, {"Crashed"}, NOTICED_WITHIN_S) == "Crashed"
    assert wait_for(run.id, {"Completed", "Failed", "Crashed"}, SETTLED_S + TRAINED_WITHIN_S) == "Completed"
    root = running_project.root
    made, fetched = ([*(root / pool.name).glob("*/train-*/_shared.txt")] for pool in (GPU_POOL, CPU_POOL))
    assert (len(made), len(fetched)) == (1, 1)
    manifests = [(note[0].parent / "_output.json").read_text() for note in (made, fetched)]
    assert manifests[0] == manifests[1]
    # Its state in between stayed on the machine that trained.
    assert json.loads(manifests[0])["summary"]["resumed_from_step"] > 0
    names = {name.rpartition("-")[0] for name, *_ in Store(bucket).shared.commits()}
    assert names == {"fetch", "validate", "split", "records-train", "records-val", "train", "evaluate"}
    assert json.loads((running_project.root / "runs" / "demo" / "summary.json").read_text())["best_epoch"] == EPOCHS
