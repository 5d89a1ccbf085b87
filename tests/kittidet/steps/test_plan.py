"""kittidet.steps.plan: what can be compared is planned, with the champion's own frames held out."""

import json

import pytest

from kittidet.config import RunConfig
from kittidet.config_file import load_run_config
from kittidet.errors import ConfigError, DatasetContractError
from kittidet.files import digest_path
from kittidet.kitti.lists import read_ids
from kittidet.registry.register import checkpoint_of, register
from kittidet.registry.registry import Registry
from kittidet.steps.fetch import fetch
from kittidet.steps.plan import plan_retraining, with_start_here
from kittidet.steps.retrain import retrain
from kittidet.steps.validate import validate
from kittidet.store import Store


@pytest.fixture
def plan(graded_training, growing_config):
    """Return a function: overrides -> the plan after the first champion."""
    retrain(growing_config)

    def make(*overrides: str):
        config = load_run_config(growing_config, overrides=overrides)
        store = Store(config.store_dir)
        dataset = fetch(store, config.source)
        validation = validate(store, dataset, config.validation, config.records)
        return plan_retraining(store, config, dataset, validation)

    return make


def test_nothing_new_is_nothing_to_do_wherever_the_data_lie(plan, growing_config, tmp_path):
    assert not plan().is_needed
    (tmp_path / "data").rename(tmp_path / "moved")
    assert not plan(f"source.path={json.dumps(str(tmp_path / 'moved'))}", "retrain.alpha=0.01").is_needed


def test_what_is_new_is_named(plan, grow, monkeypatch):
    assert plan("train.epochs=5").sentence == "street trains again: since version 1 there is new settings."
    grow()
    assert plan("train.epochs=5").sentence.endswith("new data and settings.")
    monkeypatch.setattr("kittidet.steps.train.VERSION", 99)
    assert plan().sentence.endswith("new data and code.")


def test_training_starts_as_configured_and_without_the_champion_s_validation_frames(plan, growing_config, grow):
    grow()
    planned = plan()
    champion = Registry(growing_config.store_dir).champion("street")
    assert digest_path(planned.config.train.initial_weights) == champion.checkpoint
    assert plan("retrain.start=coco").config.train.initial_weights == "coco"
    assert plan("retrain.start=configured").config.train.initial_weights is None
    train, val = (read_ids(path) for path in (planned.config.split.train_list, planned.config.split.val_list))
    assert not set(train) & set(val)
    assert len(train) + len(val) == 9
    assert len(val) == champion.n_val


def test_a_validation_frame_that_is_gone_is_left_out_and_none_left_is_an_error(plan, growing_config, tmp_path):
    val = (tmp_path / "runs" / "street" / "val.txt").read_text().split()
    labels = tmp_path / "data" / "training" / "label_2"
    (labels / f"{val[0]}.txt").unlink()
    loose = "validation.max_bad_share=1.0"
    assert read_ids(plan(loose).config.split.val_list) == tuple(val[1:])
    for frame in val[1:]:
        (labels / f"{frame}.txt").unlink()
    with pytest.raises(DatasetContractError, match="none is left to score on: the champion, version 1"):
        plan(loose)


def test_what_cannot_be_compared_is_refused_before_it_is_trained(plan):
    with pytest.raises(ConfigError, match=r"knows the classes Car, .* these settings Vehicle, Pedestrian, Cyclist"):
        plan("records.classes=kitti3")
    with pytest.raises(ConfigError, match=r"cannot start a d2 from the champion, version 1, a d0\. Set retrain\.start"):
        plan("model.variant=d2")
    assert plan("model.variant=d2", "retrain.start=coco").is_needed


def test_a_start_that_another_machine_planned_is_pulled_on_this_one(bucket, on_machine, published):
    on_machine("first")
    store = Store(bucket)
    version = register(Registry(bucket), published("one"), model="street")
    config = RunConfig(store_dir=bucket, train={"initial_weights": checkpoint_of(Registry(bucket), version)})
    assert with_start_here(store, config) == config
    config.train.initial_weights.rename(store.root / "gone")
    on_machine("second")
    there = with_start_here(Store(bucket), config).train.initial_weights
    assert there.is_relative_to(Store(bucket).root)
    assert digest_path(there) == version.checkpoint
    assert with_start_here(store, RunConfig()) == RunConfig()
