"""What comes back by itself: runs that are killed on workers that `up` starts, against a server of their own."""

import json
import os
import shutil
import signal
import time
from importlib.metadata import version
from pathlib import Path

import pytest
from fixtures.web_server import free_port

from deployments.automations import SETTLED_S, SILENCE_S, ensure_automations
from deployments.catalog import CPU_POOL, GPU_POOL, HEARTBEAT_S
from deployments.deploy import deploy_all
from deployments.local.server import ensure_server, server_process
from deployments.local.workers import ensure_workers, start_worker, worker_process
from deployments.project import Project, connected
from kittidet.store import Store

pytestmark = [pytest.mark.fault, pytest.mark.timeout(1800)]

# A training of seconds, a state saved at each epoch, and enough of them to be caught in between.
EPOCHS = 12
SMALL = [
    "source.synthetic_frames=10",
    "source.synthetic_seed=3",
    "model.input_hw=[64,192]",
    "records.train_shards=2",
    "records.val_shards=1",
    f"train.epochs={EPOCHS}",
    "train.batch_size=4",
    "train.checkpoint_every_epochs=12",
    "train.initial_weights=null",
]
# Starting a process, importing TensorFlow and training take a minute, and on a busy machine many: what gets here hangs.
TRAINED_WITHIN_S = 1500


@pytest.fixture
def project(tmp_path, monkeypatch, request):
    """A server with deployments, automations and both workers; stopped at the end whatever is left of it."""
    project = Project(tmp_path)
    project.prefect_home.mkdir()
    template = request.config.cache.mkdir("prefect") / f"{version('prefect')}.db"
    if template.is_file():
        shutil.copyfile(template, project.prefect_home / "prefect.db")
    monkeypatch.setenv("PREFECT_UI_ENABLED", "false")
    try:
        url = ensure_server(project, port=free_port("127.0.0.1"), host="127.0.0.1").api_url
        with connected(project, url):
            ensure_automations(deploy_all(project.root, schedule=None).values())
            ensure_workers(project, url)
            yield project
    finally:
        for process in (worker_process(project, CPU_POOL), worker_process(project, GPU_POOL), server_process(project)):
            process.stop()
        for pid in processes_of(str(project.root)):
            os.kill(pid, signal.SIGKILL)


def start(trainer: str, project: Project, store: str | None = None):
    from prefect.deployments import run_deployment

    store = str(project.root / "store") if store is None else store
    places = [f"store_dir={json.dumps(store)}", f"runs_dir={json.dumps(str(project.root / 'runs'))}"]
    parameters = {"preset": "demo", "overrides": [*SMALL, *places], "trainer": trainer}
    return run_deployment("kitti-finetune/kitti-demo", parameters=parameters, timeout=0)


def state_of(run_id) -> str:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return client.read_flow_run(run_id).state_name


def states_of(run_id) -> list[str]:
    """Return the names of every state a run was in, in order."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return [state.name for state in client.read_flow_run_states(run_id)]


def child_of(parent_id):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId

    with get_client(sync_client=True) as client:
        children = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[parent_id]))
        )
    return children[0].id


def wait_for(run_id, names: set[str], within_s: float) -> str:
    deadline = time.monotonic() + within_s
    while (name := state_of(run_id)) not in names:
        assert time.monotonic() < deadline, f"still {name} after {within_s} s; was {states_of(run_id)}"
        time.sleep(0.5)
    return name


def wait_for_saved_state(project: Project, folder: str = "store") -> None:
    deadline = time.monotonic() + TRAINED_WITHIN_S
    while not list(project.root.glob(f"{folder}/train-*.partial/**/epoch-*/progress.json")):
        assert time.monotonic() < deadline, "no epoch was saved"
        time.sleep(0.05)


def processes_of(text: str) -> list[int]:
    """Return the processes that run a flow and have a text in their environment: a run's id or its project's folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
        except OSError:
            continue
        if b"PREFECT__FLOW_RUN_ID=" in environment and text.encode() in environment and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found


def kill(pids: list[int]) -> None:
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def training_of(project: Project) -> dict:
    (folder,) = (p for p in (project.root / "store").glob("train-*") if not p.name.endswith(".partial"))
    return json.loads((folder / "_output.json").read_text())["summary"]


def test_a_training_killed_in_the_gpu_pool_goes_on_from_its_saved_state_while_its_parent_waits(project):
    run = start("gpu-pool", project)
    wait_for_saved_state(project)
    child_id = child_of(run.id)
    kill(processes_of(str(child_id)))
    assert wait_for(child_id, {"Crashed"}, 60) == "Crashed"
    assert wait_for(run.id, {"Completed", "Failed", "Crashed"}, SETTLED_S + TRAINED_WITHIN_S) == "Completed"
    assert states_of(child_id)[-1] == "Completed"
    assert training_of(project)["resumed_from_step"] > 0
    assert json.loads((project.root / "runs" / "demo" / "summary.json").read_text())["best_epoch"] == EPOCHS


def test_a_killed_run_started_anew_goes_on_from_the_saved_state(project):
    first = start("here", project)
    wait_for_saved_state(project)
    kill(processes_of(str(first.id)))
    assert wait_for(first.id, {"Crashed"}, 60) == "Crashed"
    second = start("here", project)
    assert wait_for(second.id, {"Completed", "Failed", "Crashed"}, TRAINED_WITHIN_S) == "Completed"
    assert training_of(project)["resumed_from_step"] > 0


def test_a_run_killed_with_its_worker_is_found_crashed_and_goes_on_once_a_worker_is_back(project):
    run = start("here", project)
    wait_for_saved_state(project)
    worker = worker_process(project, CPU_POOL).pid()
    kill([worker, *processes_of(str(run.id))])
    assert state_of(run.id) == "Running"
    # The last heartbeat may be as old as the process; the server looks every few seconds.
    wait_for(run.id, {"Crashed"}, HEARTBEAT_S + SILENCE_S + 60)
    wait_for(run.id, {"AwaitingRetry", "Late"}, SETTLED_S + 60)
    ensure_workers(project, os.environ["PREFECT_API_URL"])
    assert wait_for(run.id, {"Completed", "Failed", "Crashed"}, TRAINED_WITHIN_S) == "Completed"
    assert training_of(project)["resumed_from_step"] > 0


def test_workers_with_nothing_in_common_but_a_url_share_the_work_and_outlive_a_kill(project, bucket, monkeypatch):
    # The worker of each pool has a cache of its own, as on a machine of its own.
    for pool in (CPU_POOL, GPU_POOL):
        worker_process(project, pool).stop()
    for pool in (CPU_POOL, GPU_POOL):
        monkeypatch.setenv("KITTIDET_STORE_CACHE", str(project.root / pool.name))
        assert start_worker(project, pool, os.environ["PREFECT_API_URL"])
    run = start("gpu-pool", project, bucket)
    wait_for_saved_state(project, f"{GPU_POOL.name}/*")
    child_id = child_of(run.id)
    kill(processes_of(str(child_id)))
    assert wait_for(child_id, {"Crashed"}, 60) == "Crashed"
    assert wait_for(run.id, {"Completed", "Failed", "Crashed"}, SETTLED_S + TRAINED_WITHIN_S) == "Completed"
    made, fetched = ([*(project.root / pool.name).glob("*/train-*/_shared.txt")] for pool in (GPU_POOL, CPU_POOL))
    assert (len(made), len(fetched)) == (1, 1)
    manifests = [(note[0].parent / "_output.json").read_text() for note in (made, fetched)]
    assert manifests[0] == manifests[1]
    # Its state in between stayed on the machine that trained.
    assert json.loads(manifests[0])["summary"]["resumed_from_step"] > 0
    names = {name.rpartition("-")[0] for name, *_ in Store(bucket).shared.commits()}
    assert names == {"fetch", "validate", "split", "records-train", "records-val", "train", "evaluate"}
    assert json.loads((project.root / "runs" / "demo" / "summary.json").read_text())["best_epoch"] == EPOCHS
