"""kittidet.mirror.place: what the environment names comes first, a file in the store is for whoever asks for it."""

from pathlib import Path

import pytest

from kittidet.config_tracking import TrackingConfig
from kittidet.errors import ConfigError
from kittidet.mirror import place as module
from kittidet.mirror.place import check_tracking, tracking_place

AUTO, LOCAL, OFF = (TrackingConfig(mlflow=kind) for kind in ("auto", "local", "off"))


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_nothing_is_mirrored_unless_it_is_asked_for(tmp_path, monkeypatch):
    assert tracking_place(AUTO, tmp_path) is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking:5000")
    assert tracking_place(OFF, tmp_path) is None
    for asked in (AUTO, LOCAL):
        place = tracking_place(asked, tmp_path)
        assert (place.uri, place.artifacts) == ("http://tracking:5000", None)


def test_a_local_file_is_in_the_store_with_its_files_beside_it(tmp_path):
    place = tracking_place(LOCAL, tmp_path)
    assert place.uri == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
    assert place.artifacts == tmp_path / "mlflow" / "artifacts"
    assert place.lock.parent == tmp_path / "mlflow"


def test_of_a_store_on_a_url_it_is_in_the_folder_on_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("KITTIDET_STORE_CACHE", str(tmp_path))
    assert tracking_place(LOCAL, "s3://bucket/store").uri.startswith(f"sqlite:///{tmp_path}/")


def test_whoever_names_the_same_sqlite_file_waits_for_the_same_lock(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    locks = set()
    for store, uri in (
        ("a", "sqlite:///here.db"),
        ("b", f"sqlite:///{tmp_path}/here.db"),
        ("c", "sqlite:///here.db?x=1"),
    ):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        locks.add(tracking_place(AUTO, Path(store)).lock)
    assert locks == {tmp_path / ".here.db.lock"}


ASKED = [(LOCAL, "", "tracking.mlflow=local"), (AUTO, "http://u:pw@h", "MLFLOW_TRACKING_URI is set")]


@pytest.mark.parametrize(("asked", "named", "said"), ASKED)
def test_that_mlflow_is_missing_is_said_with_the_extra_that_brings_it(asked, named, said, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", named)
    check_tracking(asked, tmp_path)
    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=rf"^{said}, but MLflow is not installed: pip install 'kittidet\[mlflow\]'"):
        check_tracking(asked, tmp_path)
    check_tracking(OFF, tmp_path)
