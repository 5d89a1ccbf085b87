"""kittidet.mirror.models: the registry's versions and champion are MLflow's, whichever of them came first."""

import shutil

import pytest

from kittidet.errors import RegistryError
from kittidet.mirror.client import connected
from kittidet.mirror.models import mirror_model
from kittidet.registry.register import register
from kittidet.registry.registry import Registry


@pytest.fixture
def registry(tmp_path, published) -> Registry:
    """Two versions of one model, the first the champion."""
    registry = Registry(tmp_path / "store")
    for name in ("first", "second"):
        register(registry, published(name, weights=name.encode()), model="m")
    registry.promote("m", 1, reason="the first")
    return registry


def mirror(place, registry):
    with connected(place) as client:
        mirror_model(client, place, registry, "m")


def versions(client) -> dict[str, object]:
    return {version.tags["kittidet.run"]: version for version in client.search_model_versions("name = 'm'")}


def champion(client) -> str:
    number = client.get_registered_model("m").aliases["champion"]
    return client.get_model_version("m", str(number)).tags["kittidet.run"]


def test_versions_and_champion_are_mirrored_and_follow_promotion_and_rollback(mlflow_place, mlflow_client, registry):
    mirror(mlflow_place, registry)
    found = versions(mlflow_client)
    assert set(found) == {"first", "second"}
    tags = found["first"].tags
    assert (tags["kittidet.version"], tags["kittidet.data"], tags["kittidet.code"]) == ("1", "d" * 64, "c" * 64)
    assert champion(mlflow_client) == "first"
    registry.promote("m", 2, reason="better")
    mirror(mlflow_place, registry)
    assert champion(mlflow_client) == "second"
    registry.rollback("m", reason="misses trams")
    mirror(mlflow_place, registry)
    assert champion(mlflow_client) == "first"
    # None of it twice.
    assert len(mlflow_client.search_model_versions("name = 'm'")) == 2
    assert {found[name].run_id for name in found} == {v.run_id for v in versions(mlflow_client).values()}


@pytest.mark.slow
def test_the_champion_can_be_downloaded_from_mlflow(mlflow_place, mlflow_client, registry, tmp_path):
    from mlflow.artifacts import download_artifacts

    mirror(mlflow_place, registry)
    out = tmp_path / "out"
    out.mkdir()
    download_artifacts(
        "models:/m@champion", dst_path=str(out), tracking_uri=mlflow_place.uri, registry_uri=mlflow_place.uri
    )
    assert [file.read_bytes() for file in out.rglob("model.weights.h5")] == [b"first"]


@pytest.mark.slow
def test_versions_whose_runs_are_gone_come_from_the_registry(mlflow_place, mlflow_client, registry):
    for version in registry.versions("m"):
        shutil.rmtree(version.run_path)
    mirror(mlflow_place, registry)
    run = mlflow_client.get_run(versions(mlflow_client)["second"].run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["kittidet.folder"] == registry.version("m", 2).run_path
    assert [f.path for f in mlflow_client.list_artifacts(run.info.run_id, "weights/best")] == [
        "weights/best/model.weights.h5"
    ]


@pytest.mark.slow
def test_a_number_that_another_store_took_does_not_matter(mlflow_place, mlflow_client, registry):
    mlflow_client.create_registered_model("m")
    mlflow_client.create_model_version("m", source=mlflow_place.artifacts.as_uri())
    mirror(mlflow_place, registry)
    assert str(mlflow_client.get_registered_model("m").aliases["champion"]) == "2"
    assert champion(mlflow_client) == "first"


@pytest.mark.slow
def test_a_promotion_in_between_is_the_one_that_stays(mlflow_place, mlflow_client, registry, monkeypatch):
    kind = type(mlflow_client)
    set_alias = kind.set_registered_model_alias

    def be_late(*arguments):
        if registry.champion("m").version == 1:
            registry.promote("m", 2, reason="meanwhile")
        set_alias(*arguments)

    monkeypatch.setattr(kind, "set_registered_model_alias", be_late)
    mirror(mlflow_place, registry)
    assert champion(mlflow_client) == "second"


def test_a_model_that_is_not_there_is_named(mlflow_place, tmp_path):
    with pytest.raises(RegistryError, match="no model 'm'"):
        mirror(mlflow_place, Registry(tmp_path / "empty"))
