"""The data steps' results on the drawn set, made by the tasks' own functions: no server, no run."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kittidet.steps.outputs import PipelineOutputs


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, synthetic_root: Path) -> SimpleNamespace:
    """Store folder, configuration and the results up to the records; read only."""
    from kittidet.config import RunConfig, SourceConfig, SplitConfig
    from kittidet.steps.outputs import DataOutputs
    from tasks.steps import fetch, split, validate, write_records

    folder = tmp_path_factory.mktemp("prepared")
    config = RunConfig(
        name="prepared",
        store_dir=folder / "store",
        runs_dir=folder / "runs",
        source=SourceConfig(kind="folder", path=synthetic_root),
        split=SplitConfig(val_share=0.3),
    )
    dataset = fetch.fn(config.store_dir, config.source)
    validation = validate.fn(config.store_dir, dataset, config.validation, config.records)
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
        data=DataOutputs(
            dataset=dataset, validation=validation, split=parts, train_records=train_records, val_records=val_records
        ),
    )


@pytest.fixture
def outputs(prepared: SimpleNamespace, fake_training: Counter) -> "PipelineOutputs":
    """What a run is published from: the prepared steps, and a training whose second checkpoint is the best."""
    from kittidet.steps.outputs import PipelineOutputs
    from tasks.steps import evaluate, fine_tune

    config = prepared.config
    trained = fine_tune.fn(prepared.store_dir, prepared.data, config.model, config.train, config.evaluation)
    evaluations = tuple(
        evaluate.fn(prepared.store_dir, trained, checkpoint["name"], prepared.data, prepared.config.evaluation)
        for checkpoint in trained.summary["checkpoints"]
    )
    return PipelineOutputs(**dict(prepared.data), trained=trained, evaluations=evaluations)
