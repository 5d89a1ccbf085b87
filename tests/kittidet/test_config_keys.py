"""kittidet.config_keys: every key has a type and a meaning, and a misspelt one finds its like."""

import pytest

from kittidet.config import RunConfig
from kittidet.config_keys import config_keys, similar_keys


def test_every_key_has_a_type_and_a_meaning():
    keys = list(config_keys())
    assert len(keys) > 50
    assert [key.name for key in keys if not key.type or not key.meaning] == []


def test_keys_are_those_of_the_configuration_in_its_order():
    def dotted(values, prefix=""):
        for name, value in values.items():
            if isinstance(value, dict) and value:
                yield from dotted(value, f"{prefix}{name}.")
            else:
                yield prefix + name

    assert [key.name for key in config_keys()] == list(dotted(RunConfig().model_dump()))


def test_types_are_as_a_person_says_them():
    types = {key.name: (key.type, key.default) for key in config_keys()}
    assert types["train.epochs"] == ("int", "60")
    assert types["model.input_hw"] == ("tuple of int, int", "(384, 1280)")
    assert types["evaluation.nms"] == ("`soft`, `hard`", "soft")
    assert types["train.initial_weights"] == ("`coco`, `starter`, Path, none", "")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("train.epoch", ["train.epochs"]),
        ("epochs", ["train.epochs"]),
        ("batch_size", ["train.batch_size", "evaluation.batch_size"]),
        ("trainn", ["train"]),
        ("train.augmnt", ["train.augment"]),
        ("weather", []),
    ],
)
def test_a_misspelt_key_finds_its_like(name, meant):
    assert similar_keys(name)[: max(1, len(meant))] == meant
