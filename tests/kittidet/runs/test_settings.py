"""kittidet.runs.settings: what decides the result is in, places and ways of doing it are not."""

from pathlib import Path

from kittidet.config import ComputeConfig, RecordsConfig, RunConfig, SourceConfig, TrackingConfig, TrainConfig
from kittidet.runs.settings import deciding_settings


def test_places_do_not_count_and_the_recipe_does():
    plain = deciding_settings(RunConfig())
    moved = RunConfig(
        store_dir=Path("/elsewhere"),
        source=SourceConfig(kind="folder", path=Path("/data")),
        train=TrainConfig(keep_checkpoints=9, initial_weights="coco"),
    )
    assert deciding_settings(moved) == plain
    assert deciding_settings(RunConfig(records=RecordsConfig(images="embedded"))) == plain
    assert deciding_settings(RunConfig(tracking=TrackingConfig(mlflow="local"))) == plain
    assert deciding_settings(RunConfig(compute=ComputeConfig(runner="dask", address="tcp://host:8786"))) == plain
    assert deciding_settings(RunConfig(records=RecordsConfig(train_shards=3))) != plain
    assert deciding_settings(RunConfig(train=TrainConfig(epochs=3))) != plain
