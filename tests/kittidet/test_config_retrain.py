"""kittidet.config_retrain: the defaults are the rule of docs/retraining.md; what makes no sense is refused."""

import pytest
from pydantic import ValidationError

from kittidet.config_retrain import RetrainConfig


def test_the_defaults_are_the_rule_of_the_docs():
    config = RetrainConfig()
    assert (config.start, config.rule, config.alpha, config.looks) == ("champion", "better", 0.05, 52)


@pytest.mark.parametrize("wrong", [{"margin": 0}, {"alpha": 0.5}, {"looks": 0}, {"rule": "worse"}, {"resamples": 99}])
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        RetrainConfig.model_validate(wrong)
