"""kittidet.mirror.client: no telemetry, one process at a time, one experiment; MLflow is loaded by nobody else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kittidet.mirror.client import connected, experiment_id


@pytest.mark.slow
def test_telemetry_is_off_and_the_file_is_locked_while_it_is_written_to(mlflow_place):
    with connected(mlflow_place) as client:
        assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
        assert client.tracking_uri == mlflow_place.uri
        assert not can_lock(mlflow_place.lock)
    assert can_lock(mlflow_place.lock)


def can_lock(path: Path) -> bool:
    code = f"import filelock; filelock.FileLock({str(path)!r}, timeout=0).acquire()"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


@pytest.mark.slow
def test_runs_are_of_one_experiment_whose_files_are_beside_the_database(mlflow_place, monkeypatch):
    with connected(mlflow_place) as client:
        first = experiment_id(client, mlflow_place)
        assert experiment_id(client, mlflow_place) == first
        found = client.get_experiment(first)
        assert (found.name, found.artifact_location) == ("kittidet", (mlflow_place.artifacts / "kittidet").as_uri())
        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "roads")
        assert client.get_experiment(experiment_id(client, mlflow_place)).name == "roads"


@pytest.mark.slow
def test_nothing_of_the_library_loads_mlflow_before_something_is_mirrored():
    code = (
        "import kittidet.steps.mirror, kittidet.steps.pipeline, kittidet.cli.models, sys\n"
        "print(sorted({'mlflow', 'tensorflow', 'keras', 'prefect'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# What a process mirrors, and every host that it looks up or connects to until it has ended.
MIRROR = """
import json, os, sys
asked = []
sys.addaudithook(lambda name, facts: name in ("socket.connect", "socket.getaddrinfo") and asked.append(str(facts[-1:])))
from pathlib import Path
from kittidet.config_tracking import TrackingConfig
from kittidet.mirror.client import connected
from kittidet.mirror.place import tracking_place
from kittidet.mirror.runs import mirror_folder
from kittidet.runs.run import Run
import atexit
atexit.register(lambda: Path(sys.argv[3]).write_text(json.dumps(asked)))
place = tracking_place(TrackingConfig(mlflow="local"), Path(sys.argv[1]))
with connected(place) as client:
    for run in sys.argv[2].split(","):
        mirror_folder(client, place, Run.open(run))
"""


def start(store: Path, runs: list[Path], asked: Path) -> subprocess.Popen:
    """Mirror from another process, in an environment that does not look like a test's."""
    signs = ("PYTEST", "CI", "GITHUB", "DO_NOT_TRACK", "MLFLOW")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(signs)}
    arguments = [str(store), ",".join(map(str, runs)), str(asked)]
    return subprocess.Popen([sys.executable, "-c", MIRROR, *arguments], env=environment)


@pytest.mark.slow
def test_two_processes_at_once_on_a_new_sqlite_file_and_no_host_is_asked(tmp_path, published, mlflow_tables):
    from mlflow import MlflowClient

    runs = [published(name).path for name in ("first", "second", "both")]
    shares = [[runs[0], runs[2]], [runs[1], runs[2]]]
    started = [start(tmp_path / "store", share, tmp_path / f"{k}.json") for k, share in enumerate(shares)]
    assert [process.wait(120) for process in started] == [0, 0]
    uri = f"sqlite:///{tmp_path}/store/mlflow/mlflow.db"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    (experiment,) = (e for e in client.search_experiments() if e.name == "kittidet")
    found = client.search_runs([experiment.experiment_id])
    assert sorted(run.data.tags["kittidet.run"] for run in found) == ["both", "first", "second"]
    assert {run.info.status for run in found} == {"FINISHED"}
    assert [json.loads((tmp_path / f"{k}.json").read_text()) for k in (0, 1)] == [[], []]
