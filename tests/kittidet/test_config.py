"""kittidet.config: each default is written once, and cannot be changed behind anybody's back."""

from typing import get_args

import pytest

from kittidet.classes import CLASS_TABLES
from kittidet.config import ClassTableName, RunConfig


def test_every_class_table_can_be_chosen():
    assert set(get_args(ClassTableName)) == set(CLASS_TABLES)


def test_a_config_cannot_be_changed_after_it_was_checked():
    with pytest.raises(ValueError, match="frozen"):
        RunConfig().train.epochs = 3
