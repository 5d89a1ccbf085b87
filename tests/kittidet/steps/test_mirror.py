"""kittidet.steps.mirror: runs and models arrive in MLflow by themselves, and no trouble there stops a training."""

import logging

import pytest

from kittidet.config_file import load_run_config
from kittidet.config_tracking import TrackingConfig
from kittidet.errors import ConfigError, RegistryError
from kittidet.registry.register import register
from kittidet.registry.registry import Registry
from kittidet.steps.mirror import mirror_by_hand, mirror_published, mirror_registered
from kittidet.steps.retrain import retrain

# Nobody listens there.
GONE = "http://user:pa55word@127.0.0.1:9"


@pytest.mark.slow
def test_a_re_training_is_mirrored_and_another_address_trains_nothing_again(
    graded_training, growing_config, mlflow_client, monkeypatch
):
    retrain(growing_config)
    found = mlflow_client.get_model_version_by_alias("street", "champion")
    run = mlflow_client.get_run(found.run_id)
    assert run.data.tags["kittidet.folder"] == str(growing_config.runs_dir / "street")
    assert run.data.params["tracking.mlflow"] == "auto"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", GONE)
    elsewhere = load_run_config(growing_config, overrides=("tracking.mlflow=off",))
    assert retrain(elsewhere).kind == "unchanged"
    assert graded_training["train"] == 1


def test_a_server_that_is_gone_is_one_warning_without_its_password_and_names_the_command(
    published, monkeypatch, caplog, tmp_path
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", GONE)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    run = published("first")
    with caplog.at_level(logging.WARNING):
        mirror_published(tmp_path / "store", run.path, TrackingConfig())
    (warning,) = [record for record in caplog.records if record.name.startswith("kittidet")]
    assert f"`kittidet models mirror {run.path}` does it again" in warning.in_words
    assert "pa55word" not in caplog.text
    assert "pa55word" not in warning.in_words
    with pytest.raises(RegistryError, match="cannot be mirrored to MLflow") as told:
        mirror_by_hand(tmp_path / "store", run.path)
    assert "pa55word" not in str(told.value)


@pytest.mark.slow
def test_a_promotion_by_hand_is_mirrored_as_the_version_s_run_was_configured(
    published, mlflow_client, tmp_path, caplog
):
    registry = Registry(tmp_path / "store")
    for name, tracking in (("silent", "off"), ("told", "auto")):
        version = register(registry, with_tracking(published(name, weights=name.encode()), tracking), model="m")
        registry.promote("m", version.version, reason="by hand")
        mirror_registered(tmp_path / "store", "m")
        assert bool(mlflow_client.search_registered_models()) is (tracking == "auto")
    assert mlflow_client.get_model_version_by_alias("m", "champion").tags["kittidet.run"] == "told"
    assert caplog.text == ""


def with_tracking(run, value: str):
    """The run as it is when it was configured so."""
    import json

    from kittidet.files import digest_files

    config = json.loads((run.path / "config.json").read_text())
    (run.path / "config.json").write_text(json.dumps({**config, "tracking": {"mlflow": value}}))
    (run.path / ".run.json").unlink()
    files = digest_files(run.path)
    (run.path / ".run.json").write_text(json.dumps({"digest": run.path.name, "files": files}))
    return type(run)(run.path)


def test_without_mlflow_who_asks_for_it_hears_so_before_anything_is_done(growing_config, monkeypatch, graded_training):
    monkeypatch.setattr("kittidet.mirror.place.find_spec", lambda _name: None)
    asked = load_run_config(growing_config, overrides=("tracking.mlflow=local",))
    with pytest.raises(ConfigError, match="is not installed"):
        retrain(asked)
    assert not asked.store_dir.exists()
