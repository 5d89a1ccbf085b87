"""What a run outlives: others that wait, a server or a worker that is gone, a store that is away."""

import json
import os
import subprocess
import sys
import time

import pytest
from fixtures.real_runs import (
    EPOCHS,
    TRAINED_WITHIN_S,
    child_of,
    kill,
    processes_of,
    start,
    states_of,
    training_of,
    wait_for,
    wait_for_saved_state,
)

from deployments.catalog import CPU_POOL, GPU_POOL
from deployments.local.server import ensure_server, server_process
from deployments.local.workers import ensure_workers, worker_process

RETRAIN = "kitti-retrain/kitti-retrain"

# How long server or store are away; `make test-fault` takes a minute, and 600 is what a reboot with a disk check takes.
AWAY_S = float(os.environ.get("KITTIDET_OUTAGE_S", "60"))

pytestmark = [pytest.mark.fault, pytest.mark.timeout(7200)]


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


ENDED = {"Completed", "Failed", "Crashed", "Cancelled"}


def run_of(run_id):
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return client.read_flow_run(run_id)


@pytest.mark.parametrize("killed", [("server",), ("worker",), ("server", "worker")], ids="+".join)
def test_a_run_outlives_a_server_that_is_away_and_a_worker_that_is_killed(running_project, killed):
    """In the same process, and it is not started a second time."""
    # Half a minute of training at least, and many on a busy machine; what is left of the absence the run waits.
    run = start("here", running_project, epochs=60 if "server" in killed else EPOCHS)
    wait_for_saved_state(running_project)
    (process,) = processes_of(str(run.id))
    url = os.environ["PREFECT_API_URL"]
    if "worker" in killed:
        kill([worker_process(running_project, CPU_POOL).pid()])
    if "server" in killed:
        kill([server_process(running_project).pid()])
        time.sleep(AWAY_S)
        assert processes_of(str(run.id)) == [process]
        assert ensure_server(running_project, port=None, host="127.0.0.1").api_url == url
    ensure_workers(running_project, url)
    assert wait_for(run.id, ENDED, TRAINED_WITHIN_S) == "Completed"
    assert run_of(run.id).run_count == 1
    assert states_of(run.id).count("Running") == 1
    assert training_of(running_project)["resumed_from_step"] is None


def test_a_run_whose_training_ends_while_the_server_is_away_waits_for_it(running_project):
    run = start("here", running_project)
    wait_for_saved_state(running_project)
    kill([server_process(running_project).pid()])
    deadline = time.monotonic() + TRAINED_WITHIN_S
    log = running_project.state_dir / f"worker-{CPU_POOL.name}.log"
    while "server.away" not in log.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, "nothing waited for the server"
        time.sleep(0.5)
    ensure_server(running_project, port=None, host="127.0.0.1")
    ensure_workers(running_project, os.environ["PREFECT_API_URL"])
    assert wait_for(run.id, ENDED, TRAINED_WITHIN_S) == "Completed"
    assert run_of(run.id).run_count == 1
    assert states_of(run.id).count("Running") == 1


def test_a_run_outlives_a_store_that_is_away_for_a_minute(running_project):
    run = start("here", running_project, epochs=60)
    wait_for_saved_state(running_project)
    store = running_project.root / "store"
    away = store.rename(running_project.root / "unmounted")
    time.sleep(AWAY_S)
    # What was begun meanwhile lies where the store is mounted again, and is not of it.
    if store.exists():
        store.rename(running_project.root / "below the mount")
    away.rename(store)
    if wait_for(run.id, ENDED, TRAINED_WITHIN_S) != "Completed":
        retry(run.id)
        wait_for(run.id, ENDED - {"Failed"}, TRAINED_WITHIN_S)
    assert states_of(run.id)[-1] == "Completed"
    assert json.loads((running_project.root / "runs" / "demo" / "summary.json").read_text())["best_epoch"] <= 60


def retry(run_id) -> None:
    """The one command: `prefect flow-run retry ID`."""
    done = subprocess.run([sys.executable, "-m", "prefect", "flow-run", "retry", str(run_id)], check=False)
    assert done.returncode == 0


def test_a_run_that_waits_for_the_gpu_pool_is_cancelled_with_its_training(running_project):
    from prefect.client.orchestration import get_client
    from prefect.states import Cancelling

    assert worker_process(running_project, GPU_POOL).stop()
    run = start("gpu-pool", running_project)
    wait_for_child(run.id)
    child = child_of(run.id)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, Cancelling())
    assert wait_for(run.id, ENDED, TRAINED_WITHIN_S) == "Cancelled"
    assert wait_for(child, ENDED, TRAINED_WITHIN_S) == "Cancelled"


def test_of_two_re_trainings_at_once_one_goes_on_also_through_a_restart_of_the_server(running_project):
    first = start("here", running_project, deployment=RETRAIN)
    wait_for(first.id, {"Running"}, TRAINED_WITHIN_S)
    second = start("here", running_project, deployment=RETRAIN)
    assert wait_for(second.id, ENDED, TRAINED_WITHIN_S) == "Cancelled"
    wait_for_saved_state(running_project)
    kill([server_process(running_project).pid()])
    ensure_server(running_project, port=None, host="127.0.0.1")
    assert wait_for(first.id, ENDED, TRAINED_WITHIN_S) == "Completed"
    # What the first one held is free again, though the server that lent it is gone.
    deadline = time.monotonic() + 420
    while wait_for((third := start("here", running_project, deployment=RETRAIN)).id, ENDED, 600) == "Cancelled":
        assert time.monotonic() < deadline, "the slot of a run that ended is never given back"
        time.sleep(20)
    assert states_of(third.id)[-1] == "Completed"
