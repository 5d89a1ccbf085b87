"""kittidet.config: each default is written once, and cannot be changed behind anybody's back."""

from typing import get_args

import pytest

from kittidet.classes import CLASS_TABLES
from kittidet.config import VARIANTS, ClassTableName, RunConfig
from kittidet.config_file import load_run_config
from kittidet.errors import ConfigError
from kittidet.presets import PRESETS, preset


def test_every_class_table_can_be_chosen():
    assert set(get_args(ClassTableName)) == set(CLASS_TABLES)


def test_a_config_cannot_be_changed_after_it_was_checked():
    with pytest.raises(ValueError, match="frozen"):
        RunConfig().train.epochs = 3


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_is_a_valid_config_of_its_own_name(name):
    config = preset(name)
    assert load_run_config(config) == config
    assert config.model.variant in VARIANTS


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(ConfigError, match="demo"):
        preset("kitti_d9")
