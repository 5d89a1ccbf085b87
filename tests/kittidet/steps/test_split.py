"""kittidet.steps.split: both lists in one output, known by frames, drives and method."""

from pathlib import Path

import pytest

from kittidet.config import SourceConfig, SplitConfig, ValidateConfig
from kittidet.steps.fetch import fetch
from kittidet.steps.split import split, split_ids, split_key
from kittidet.steps.validate import validate
from kittidet.store import Store


@pytest.fixture
def inputs(tmp_path: Path, synthetic_root: Path):
    store = Store(tmp_path / "store")
    dataset = fetch(store, SourceConfig(kind="folder", path=synthetic_root))
    return store, dataset, validate(store, dataset, ValidateConfig())


def test_the_sides_are_disjoint_and_complete(inputs):
    output = split(*inputs, SplitConfig())
    train, val = split_ids(inputs[0], output, "train"), split_ids(inputs[0], output, "val")
    assert set(train) & set(val) == set()
    assert len(train) + len(val) == 10
    assert (len(train), len(val)) == (output.summary["n_train"], output.summary["n_val"])


def test_the_leakage_is_known_where_the_drives_are(inputs):
    leakage = split(*inputs, SplitConfig()).summary["leakage"]
    assert 0 <= leakage["share"] <= 1


@pytest.mark.parametrize("change", [{"seed": 1}, {"method": "drive"}, {"val_share": 0.4}])
def test_every_setting_is_part_of_the_key(inputs, change):
    assert split_key(*inputs, SplitConfig()) != split_key(*inputs, SplitConfig(**change))


def test_a_second_request_is_cached(inputs):
    assert not split(*inputs, SplitConfig()).cached
    assert split(*inputs, SplitConfig()).cached
