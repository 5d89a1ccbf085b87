"""What many tests share: one synthetic KITTI set and one Prefect server, made once a session; a stand-in training.

`make test` divides the tests among workers, each a session of its own; how is said here.
"""

import json
import os
import shutil
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from importlib.metadata import version
from itertools import chain, islice
from pathlib import Path
from uuid import UUID

import pytest

from kittidet.synthetic.dataset import render_dataset

pytest_plugins = [
    "fixtures.databases",
    "fixtures.documents",
    "fixtures.finished_run",
    "fixtures.graded_training",
    "fixtures.kept_store",
    "fixtures.labelled_photos",
    "fixtures.mlflow_store",
    "fixtures.object_server",
    "fixtures.published_run",
    "fixtures.registered",
    "fixtures.shallow_networks",
    "fixtures.small_records",
    "fixtures.synthetic_coco",
    "fixtures.tiny_models",
    "fixtures.web_server",
]

SHARED = Path(__file__).parents[2] / "shared"
# Fixtures of a session that take seconds to make: tests that need the same one stay together.
MADE_ONCE = ("exported", "published", "detector", "written", "finished_run", "prepared", "train_records")

# A shell lets what it starts in the background ignore Ctrl-C; some tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)

if "PYTEST_XDIST_WORKER" in os.environ:
    # One processor a worker: TensorFlow and NumPy would each start a thread for every processor.
    for variable in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(variable, "1")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put what is dear at the head of the workers' shares, where no other worker takes it away.

    `--dist worksteal` gives each worker an equal share of the tests, and to one that is done the last of what another
    has left. So one starts with the server's tests, one with the trainings, one with the rest of what is made once a
    session. (`--dist loadgroup` of pytest-xdist 3.8 has no effect with pytest 9.2, and says nothing.)
    """
    if not hasattr(config, "workerinput"):
        return
    kinds: dict[str, list[pytest.Item]] = {name: [] for name in ("prefect_server", *MADE_ONCE, "")}
    for item in items:
        kinds[next((name for name in kinds if name in item.fixturenames), "")].append(item)
    server, *dear, trained, others = kinds.values()
    share, left = len(items) // config.workerinput["workercount"], iter(others)
    heads = [server, trained, [*chain(*dear)]]
    items[:] = [*chain(*((*head, *islice(left, max(0, share - len(head)))) for head in heads)), *left]


@pytest.fixture(scope="session")
def synthetic_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a synthetic tree of 10 frames with its zips; read only, copy before you change it."""
    return render_dataset(tmp_path_factory.mktemp("synthetic") / "kitti", frames=10, seed=3, zips=True)


@pytest.fixture(scope="session")
def kitti_mini() -> Path:
    """The 11 real KITTI frames; skips where they are absent."""
    root = SHARED / "kitti" / "mini"
    if not root.is_dir():
        pytest.skip(f"the real frames are not here: {root}")
    return root


@pytest.fixture(scope="session")
def few_draws() -> Iterator[None]:
    """Let reports draw 100 times for their intervals instead of 1,000: a third of the time that a report takes."""
    from kittidet.config import CompareConfig

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kittidet.report.write.CompareConfig", partial(CompareConfig, resamples=100))
        yield


@pytest.fixture(scope="session")
def prefect_project(tmp_path_factory: pytest.TempPathFactory):
    """The project folder of the session's Prefect server."""
    from deployments.project import Project

    return Project(tmp_path_factory.mktemp("prefect"))


@pytest.fixture(scope="session")
def prefect_server(prefect_project, request: pytest.FixtureRequest) -> Iterator[str]:
    """The API address of a real Prefect server for the whole session; this process speaks to it.

    A migrated database is kept in pytest's cache: making one takes most of a server's start.
    """
    from fixtures.web_server import free_port
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, PREFECT_HOME, temporary_settings

    from deployments.local.server import ensure_server, server_process
    from deployments.project import send_the_rest

    project = prefect_project
    template = request.config.cache.mkdir("prefect") / f"{version('prefect')}.db"
    project.prefect_home.mkdir()
    if template.is_file():
        shutil.copyfile(template, project.prefect_home / "prefect.db")
    try:
        with pytest.MonkeyPatch.context() as patch:
            # The pages are Prefect's own business; unpacking them takes time.
            patch.setenv("PREFECT_UI_ENABLED", "false")
            server = ensure_server(project, port=free_port("127.0.0.1"), host="127.0.0.1")
        if not template.is_file():
            keep_database(project.prefect_home / "prefect.db", template)
        settings = {
            PREFECT_API_URL: server.api_url,
            PREFECT_HOME: project.prefect_home,
            # Its thread adds a second to each flow.
            PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        }
        with temporary_settings(settings):
            yield server.api_url
            send_the_rest()
    finally:
        server_process(project).stop()


@pytest.fixture
def task_states(prefect_server: str) -> Callable[[UUID], dict[str, str]]:
    """Return a function: a flow run's id -> state names by task run name, once the server knows every task's end."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    def states(flow_run_id: UUID) -> dict[str, str]:
        found, unchanged = None, 0
        with get_client(sync_client=True) as client:
            for _ in range(100):
                runs = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])))
                before, found = found, {r.name: r.state.name for r in runs}
                unchanged = unchanged + 1 if found == before else 0
                is_last = any(name.startswith("report") for name in found)
                # A run that stopped earlier has no report: what two seconds have not changed is all there is.
                if all(r.state.is_final() for r in runs) and (is_last or unchanged == 20):
                    break
                time.sleep(0.1)
        return found or {}

    return states


def keep_database(source: Path, target: Path) -> None:
    """Copy a database that its server has open."""
    partial = target.with_suffix(f".partial-{os.getpid()}")
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(partial)) as copy:
        live.backup(copy)
    partial.replace(target)


@pytest.fixture
def fake_training(monkeypatch: pytest.MonkeyPatch) -> Counter:
    """Replace the two steps that need TensorFlow by ones that write small files under the true keys; count the calls.

    Step 2 of the three checkpoints has the best AP.
    """
    from kittidet.classes import KITTI8
    from kittidet.steps.evaluate import checkpoint_facts, evaluate_key
    from kittidet.steps.train import train_key

    calls: Counter = Counter()

    def train(store, data, model, recipe, scoring, *, on_epoch=None):
        del scoring

        def make(folder: Path) -> dict:
            calls["train"] += 1
            for step in (1, 2, 3):
                checkpoint = folder / "checkpoints" / f"step-{step:08d}"
                checkpoint.mkdir(parents=True, exist_ok=True)
                (checkpoint / "model.weights.h5").write_bytes(bytes([step]))
            (folder / "history.csv").write_text("epoch,loss\n1,0.5\n")
            return {
                "checkpoints": [
                    {
                        "name": f"step-{step:08d}",
                        "step": step,
                        "epoch": step,
                        "average_of": [],
                        "digest": f"{step}" * 64,
                    }
                    for step in (1, 2, 3)
                ],
                "resumed_from_step": None,
                "anchor_coverage": 1.0,
            }

        return store.get_or_make(train_key(data, model, recipe), make)

    def evaluate(store, trained, name, data, config, compute=None, *, progress=None):
        def make(folder: Path) -> dict:
            calls["evaluate"] += 1
            facts = checkpoint_facts(trained, name)
            ap = {1: 0.1, 2: 0.5, 3: 0.3}[facts["step"]]
            per_class = dict.fromkeys(KITTI8.names) | {"Car": ap}
            scores = {"ap": ap, "ap50": ap, "ap75": ap, "per_class_ap": per_class, "per_class_ap50": per_class}
            scores |= {"max_detections": 100, "ap_at_100": ap}
            (folder / "metrics.json").write_text(json.dumps(scores))
            (folder / "predictions.json").write_text("[]")
            return {**facts, "metrics": scores}

        return store.get_or_make(evaluate_key(trained, name, data, config), make)

    monkeypatch.setattr("tasks.steps.train_step", train)
    monkeypatch.setattr("tasks.steps.evaluate_step", evaluate)
    return calls
