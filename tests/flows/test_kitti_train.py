"""flows.kitti_train: what a GPU worker runs leaves in the store just what the parent looks for."""

from types import SimpleNamespace

import pytest

from kittidet.config import RunConfig, SourceConfig, SplitConfig
from kittidet.steps.outputs import DataOutputs
from kittidet.store import Store


@pytest.fixture
def prepared(tmp_path, synthetic_root):
    from tasks.steps import fetch, split, validate, write_records

    config = RunConfig(
        store_dir=tmp_path / "store",
        source=SourceConfig(kind="folder", path=synthetic_root),
        split=SplitConfig(val_share=0.3),
    )
    dataset = fetch.fn(config.store_dir, config.source)
    validation = validate.fn(config.store_dir, dataset, config.validation, config.records)
    parts = split.fn(config.store_dir, dataset, validation, config.split)
    train, val = (write_records.fn(config.store_dir, dataset, parts, side, config.records) for side in ("train", "val"))
    data = DataOutputs(dataset=dataset, validation=validation, split=parts, train_records=train, val_records=val)
    return SimpleNamespace(config=config, data=data)


def test_a_child_given_json_does_the_parent_s_work_and_the_parent_finds_it_cached(
    prefect_server, fake_training, prepared
):
    from flows.kitti_train import kitti_train
    from tasks.gpu_pool import is_trained

    store = Store(prepared.config.store_dir)
    parameters = {
        "store_dir": str(store.root),
        "config": prepared.config.model_dump(mode="json"),
        "data": prepared.data.model_dump(mode="json"),
    }
    assert not is_trained(store, prepared.data, prepared.config)
    kitti_train(**parameters)
    assert is_trained(store, prepared.data, prepared.config)
    assert fake_training == {"train": 1, "evaluate": 3}
    kitti_train(**parameters)
    assert fake_training == {"train": 1, "evaluate": 3}
