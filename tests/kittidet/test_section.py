"""Sections of the configuration understand the names of the version before, and say what they are called now."""

import logging

import pytest
from pydantic import ValidationError

from kittidet.config import EvalConfig, ModelConfig, RunConfig, SourceConfig


@pytest.mark.parametrize(
    ("section", "old", "new"),
    [
        (ModelConfig, {"canvas_hw": (64, 96)}, {"input_hw": (64, 96)}),
        (SourceConfig, {"kind": "drawn"}, {"kind": "synthetic"}),
        (SourceConfig, {"drawn_frames": 3, "drawn_seed": 5}, {"synthetic_frames": 3, "synthetic_seed": 5}),
        (EvalConfig, {"nms": "gaussian"}, {"nms": "soft"}),
        (RunConfig, {"model": {"canvas_hw": (64, 96)}}, {"model": {"input_hw": (64, 96)}}),
    ],
)
def test_an_old_name_means_the_new_one_and_is_warned_of(section, old, new, caplog):
    with caplog.at_level(logging.WARNING):
        assert section.model_validate(old) == section.model_validate(new)
    warned = [r.getMessage() for r in caplog.records]
    assert len(warned) == len(old)
    assert all("config.renamed" in line and "next version" in line for line in warned)


def test_todays_names_are_not_warned_of(caplog):
    with caplog.at_level(logging.WARNING):
        RunConfig.model_validate(RunConfig().model_dump())
    assert not caplog.records


def test_one_setting_by_both_names_is_refused():
    with pytest.raises(ValidationError, match="canvas_hw is the old name of input_hw"):
        ModelConfig.model_validate({"canvas_hw": (64, 96), "input_hw": (64, 96)})


def test_unknown_keys_stay_errors():
    with pytest.raises(ValidationError, match="canvas"):
        ModelConfig.model_validate({"canvas": (64, 96)})
