"""``kittidet models``: what the registry holds, in words; no TensorFlow is loaded for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kittidet.__main__ import app
from kittidet.errors import KittidetError, RegistryError
from kittidet.registry.register import register
from kittidet.registry.registry import Registry
from kittidet.runs.run import Run


@pytest.fixture
def store(tmp_path, published) -> Path:
    """A store with two versions of one model, the first the champion."""
    registry = Registry(tmp_path / "store")
    for name in ("first", "second"):
        register(registry, published(name, weights=name.encode()), model="m")
    registry.promote("m", 1, reason="the first")
    return tmp_path / "store"


def call(store: Path, *arguments: str) -> str:
    done = CliRunner().invoke(app, ["models", *arguments, "--store", str(store)], env={"COLUMNS": "200"})
    if isinstance(done.exception, KittidetError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_the_list_marks_the_champion(store):
    lines = call(store, "list").splitlines()
    rows = [line for line in lines if line.strip().startswith("m ")]
    assert ["champion" in row for row in rows] == [True, False]
    assert "no model yet" in call(store / "empty", "list")


def test_the_list_loads_neither_tensorflow_nor_what_draws(store):
    code = (
        "import sys; from typer.testing import CliRunner; from kittidet.__main__ import app\n"
        f"assert 'champion' in CliRunner().invoke(app, ['models', 'list', '--store', {str(store)!r}]).output\n"
        "print(sorted({'tensorflow', 'keras', 'prefect', 'matplotlib', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "200"}
    )
    assert done.stdout.strip() == "[]"


def test_a_version_is_shown_with_its_origin_and_history(store):
    said = call(store, "show", "m")
    for words in ("started from", "random weights", "dddddddd", "scored on", "the first"):
        assert words in said


def test_promote_and_rollback_move_the_champion(store):
    assert "m version 2 is the champion; it replaced version 1" in call(store, "promote", "m", "2")
    assert "version 1 is the champion again, instead of version 2" in call(store, "rollback", "m")
    with pytest.raises(RegistryError, match="nothing to go back to"):
        call(store, "rollback", "m")


def test_a_run_folder_is_registered_and_promoted(store, published):
    run = published("third", weights=b"third")
    assert "version 3 is the champion" in call(store, "promote", "m", str(run.path), "--reason", "seen on the road")
    assert Registry(store).history("m")[-1].reason == "seen on the road"


def test_the_champion_is_pulled_by_default(store, tmp_path):
    call(store, "pull", "m", "--out", str(tmp_path / "here"))
    assert Run.open(tmp_path / "here").best_checkpoint.is_dir()


def test_lineage_goes_both_ways(store):
    assert "m version 2" in call(store, "lineage", "m", "2")
    said = call(store, "lineage", "--frame", "900001")
    assert [line.split()[:3] for line in said.splitlines() if line.strip().startswith("m ")] == [
        ["m", "1", "training"],
        ["m", "2", "training"],
    ]
    assert "no registered model saw frame 5" in call(store, "lineage", "--frame", "5")
    with pytest.raises(RegistryError, match="has no champion"):
        call(store, "lineage", "n")


def test_the_models_of_a_store_on_a_url_are_listed_promoted_and_pulled_on_any_machine(
    bucket, on_machine, published, tmp_path
):
    on_machine("first")
    for name in ("first", "second"):
        assert f"version {['first', 'second'].index(name) + 1} is the champion" in call(
            bucket, "promote", "m", str(published(name, weights=name.encode()).path)
        )
    on_machine("second")
    rows = [line for line in call(bucket, "list").splitlines() if line.strip().startswith("m ")]
    assert ["champion" in row for row in rows] == [False, True]
    assert "version 1 is the champion again" in call(bucket, "rollback", "m")
    call(bucket, "pull", "m", "--out", str(tmp_path / "out"))
    assert (tmp_path / "out" / "weights" / "best" / "model.weights.h5").read_bytes() == b"first"
    assert "frames" in call(bucket, "lineage", "m")
    assert "m " in call(bucket, "lineage", "--frame", "900001")


@pytest.mark.slow
def test_a_model_or_a_run_is_mirrored_and_a_promotion_by_hand_is_by_itself(store, mlflow_client, published):
    assert "m is in MLflow" in call(store, "mirror", "m")
    champion = mlflow_client.get_model_version_by_alias
    assert champion("m", "champion").tags["kittidet.version"] == "1"
    call(store, "promote", "m", "2")
    assert champion("m", "champion").tags["kittidet.version"] == "2"
    call(store, "rollback", "m")
    assert champion("m", "champion").tags["kittidet.version"] == "1"
    run = published("third")
    assert "is in MLflow" in call(store, "mirror", str(run.path))
    (experiment,) = (e for e in mlflow_client.search_experiments() if e.name == "kittidet")
    assert len(mlflow_client.search_runs([experiment.experiment_id])) == 3
    with pytest.raises(RegistryError, match="no model 'other'"):
        call(store, "mirror", "other")
