"""kittidet.mirror.runs: everything of a run is in MLflow, once, and a killed mirror is completed by the next one."""

import csv
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from kittidet.errors import StoreError
from kittidet.mirror import runs as module
from kittidet.mirror.client import connected
from kittidet.mirror.runs import mirror_folder


def mirrored(place, run):
    with connected(place) as client:
        return mirror_folder(client, place, run)


def content(place) -> dict:
    """Every row of the tables that a mirror writes to."""
    tables = ("experiments", "runs", "params", "metrics", "latest_metrics", "tags")
    with closing(sqlite3.connect(place.uri.removeprefix("sqlite:///"))) as database:
        return {table: sorted(map(str, database.execute(f"SELECT * FROM {table}"))) for table in tables}


def files_of(run) -> dict[str, bytes]:
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_run_is_there_with_its_settings_scores_lineage_and_files_and_once(mlflow_place, mlflow_client, published):
    run = published("first")
    (run.path / "report").mkdir()
    (run.path / "report" / "index.html").write_text("a page")
    found = mirrored(mlflow_place, run)
    assert (found.info.run_name, found.info.status) == (run.summary["name"], "FINISHED")

    parameters = found.data.params
    assert parameters["train.epochs"] == str(run.config.train.epochs)
    assert parameters["records.classes"] == "kitti8"
    assert parameters["model.input_hw"] == "[384, 1280]"
    assert parameters["source.backoff.attempts"] == "8"

    scores = found.data.metrics
    assert scores["ap"] == run.summary["ap"]
    assert scores["ap.low"] < scores["ap"] < scores["ap.high"]
    assert scores["ap.Car"] == run.summary["per_class_ap"]["Car"]
    with (run.path / "history.csv").open() as stream:
        losses = {int(row["epoch"]): float(row["loss"]) for row in csv.DictReader(stream)}
    history = mlflow_client.get_metric_history(found.info.run_id, "loss")
    assert {metric.step: metric.value for metric in history} == losses
    assert {m.step for m in mlflow_client.get_metric_history(found.info.run_id, "checkpoint.ap")} == {5, 10, 15, 20}

    tags = found.data.tags
    assert tags["kittidet.run"] == "first"
    assert {tags[f"kittidet.{name}"] for name in ("data", "code")} == {"d" * 64, "c" * 64}
    assert tags["kittidet.folder"] == str(run.path)

    files = files_of(found)
    assert set(files) == {
        *("config.json", "summary.json", "history.csv", "report/index.html"),
        "weights/best/model.weights.h5",
    }
    assert files["weights/best/model.weights.h5"] == b"weights"

    before = content(mlflow_place)
    assert mirrored(mlflow_place, run).info.run_id == found.info.run_id
    assert content(mlflow_place) == before
    assert files_of(found) == files


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["create_run", "log_batch", "log_artifact", "set_terminated"])
def test_a_mirror_that_was_killed_is_completed_and_nothing_is_there_twice(
    mlflow_place, mlflow_client, published, monkeypatch, moment
):
    run = published("first")
    done = getattr(type(mlflow_client), moment)

    def die(*arguments, **more):
        done(*arguments, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(mlflow_client), moment, die)
        with pytest.raises(KeyboardInterrupt):
            mirrored(mlflow_place, run)
    found = mirrored(mlflow_place, run)
    after = content(mlflow_place)
    assert len(after["runs"]) == 1
    assert len(mlflow_client.get_metric_history(found.info.run_id, "loss")) == len(run.history["loss"])
    assert len(after["params"]) == len(found.data.params)
    assert "weights/best/model.weights.h5" in files_of(found)


@pytest.mark.slow
def test_epochs_are_sent_in_few_requests(mlflow_place, mlflow_client, published, monkeypatch):
    calls = []
    send = type(mlflow_client).log_batch
    monkeypatch.setattr(type(mlflow_client), "log_batch", lambda *a, **more: calls.append(more) or send(*a, **more))
    run = published("first")
    found = mirrored(mlflow_place, run)
    expected = -(-len(found.data.params) // 100) + 1
    assert len(calls) == expected
    assert max(len(call.get("metrics", ())) for call in calls) > 100


@pytest.mark.slow
def test_a_changed_run_is_refused_before_anything_is_sent(mlflow_place, mlflow_client, published):
    run = published("first")
    (run.path / "weights" / "best" / "model.weights.h5").write_bytes(b"other")
    with pytest.raises(StoreError, match="changed since it was published"):
        mirrored(mlflow_place, run)
    with pytest.raises(StoreError, match="published run folder"):
        mirrored(mlflow_place, type(run)(run.path.parent))
    assert content(mlflow_place)["runs"] == []


@pytest.mark.slow
def test_numbers_and_names_that_mlflow_does_not_take_are_left_out_or_spelt_otherwise(
    mlflow_place, mlflow_client, published
):
    run = published("first")
    lines = (run.path / "history.csv").read_text().splitlines()
    header, first, *others = lines
    # A first epoch that was not scored, as of a training that is scored every other one.
    (run.path / "history.csv").write_text("\n".join([f"{header},val_ap", f"{first},", *(f"{o},0.5" for o in others)]))
    assert module._plain("tram/train: (all)") == "tram_train_ _all_"
    metrics = [m for m in module._metrics(unchecked(run), 1) if m.key == "val_ap"]
    assert [m.step for m in metrics] == list(range(2, len(lines)))


def unchecked(run):
    """The run without its digests, which the test has just made wrong."""
    (run.path / ".run.json").unlink()
    return type(run)(run.path)
