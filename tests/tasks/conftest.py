"""The data steps' results on the drawn set, made by the tasks' own functions: no server, no run."""

from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, drawn_root: Path) -> SimpleNamespace:
    """Store folder, configuration and the results up to the records; read only."""
    from kittidet.config import RunConfig, SourceConfig, SplitConfig
    from tasks.fetch import fetch
    from tasks.records import write_records
    from tasks.split import split
    from tasks.validate import validate

    folder = tmp_path_factory.mktemp("prepared")
    config = RunConfig(
        name="prepared",
        store_dir=folder / "store",
        runs_dir=folder / "runs",
        source=SourceConfig(kind="folder", path=drawn_root),
        split=SplitConfig(val_share=0.3),
    )
    dataset = fetch.fn(config.store_dir, config.source)
    validation = validate.fn(config.store_dir, dataset, config.validation)
    parts = split.fn(config.store_dir, dataset, validation, config.split)
    train_records = write_records.fn(config.store_dir, dataset, parts, "train", config.records)
    val_records = write_records.fn(config.store_dir, dataset, parts, "val", config.records)
    return SimpleNamespace(
        store_dir=config.store_dir,
        config=config,
        dataset=dataset,
        validation=validation,
        split=parts,
        train_records=train_records,
        val_records=val_records,
    )
