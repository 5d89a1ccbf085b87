"""kittidet.mirror over HTTP: a model and its runs arrive at MLflow's own server, files and champion included."""

import os
import shutil
import subprocess
import sys
import time

import httpx
import pytest
from fixtures.web_server import free_port

from kittidet.registry.register import register
from kittidet.registry.registry import Registry
from kittidet.steps.mirror import mirror_by_hand

pytestmark = pytest.mark.slow

# `mlflow server` without its job runner, which needs more than the extra brings.
SERVER = """
import sys
from werkzeug.serving import make_server
from mlflow.server import app
make_server("127.0.0.1", int(sys.argv[1]), app, threaded=True).serve_forever()
"""


@pytest.fixture
def server(tmp_path, mlflow_tables, monkeypatch):
    """The address of an MLflow server of the test's own, which keeps files for its clients."""
    pytest.importorskip("flask")
    shutil.copyfile(mlflow_tables, tmp_path / "server.db")
    database, port = f"sqlite:///{tmp_path / 'server.db'}", free_port("127.0.0.1")
    settings = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "_MLFLOW_SERVER_FILE_STORE": database,
        "_MLFLOW_SERVER_REGISTRY_STORE": database,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(tmp_path / "kept"),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    }
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(port)], env={**os.environ, **settings}, stdout=log, stderr=log
        )
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(240):
            try:
                httpx.get(f"{address}/health", timeout=2).raise_for_status()
                break
            except httpx.HTTPError:
                assert process.poll() is None, (tmp_path / "server.log").read_text()
                time.sleep(0.5)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        yield address
    finally:
        process.kill()
        process.wait()


def test_a_model_arrives_with_its_runs_files_and_champion_and_once(server, published, tmp_path):
    from mlflow import MlflowClient
    from mlflow.artifacts import download_artifacts

    registry = Registry(tmp_path / "store")
    for name in ("first", "second"):
        register(registry, published(name, weights=name.encode()), model="m")
    registry.promote("m", 2, reason="better")
    for _ in range(2):
        mirror_by_hand(tmp_path / "store", "m")
        mirror_by_hand(tmp_path / "store", tmp_path / "runs" / "first")
    client = MlflowClient(tracking_uri=server, registry_uri=server)
    versions = {v.tags["kittidet.run"]: v for v in client.search_model_versions("name = 'm'")}
    assert set(versions) == {"first", "second"}
    assert client.get_model_version_by_alias("m", "champion").tags["kittidet.run"] == "second"
    run = client.get_run(versions["second"].run_id)
    assert (run.info.status, run.data.tags["kittidet.data"]) == ("FINISHED", "d" * 64)
    assert run.data.metrics["ap.low"] < run.data.metrics["ap"]
    assert len(client.search_runs([run.info.experiment_id])) == 2
    out = tmp_path / "out"
    out.mkdir()
    download_artifacts("models:/m@champion", dst_path=str(out), tracking_uri=server, registry_uri=server)
    assert [file.read_bytes() for file in out.rglob("model.weights.h5")] == [b"second"]
