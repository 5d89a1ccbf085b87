"""kittidet.steps.outputs: what a machine passes to another comes back equal, and nothing else is taken."""

import pytest
from pydantic import ValidationError

from kittidet.steps.outputs import DataOutputs, PipelineOutputs
from kittidet.store import StepOutput

STEPS = ("dataset", "validation", "split", "train_records", "val_records")
DATA = DataOutputs(**{name: StepOutput(step=name, digest="d", summary={"n": 1}) for name in STEPS})


def test_outputs_come_back_from_json_as_they_were():
    assert DataOutputs.model_validate(DATA.model_dump(mode="json")) == DATA


def test_a_pipeline_is_its_data_and_what_was_trained_on_it():
    whole = PipelineOutputs(**dict(DATA), trained=DATA.dataset)
    assert whole.val_records == DATA.val_records
    assert whole.evaluations == ()


def test_an_output_that_is_missing_or_unknown_is_refused():
    with pytest.raises(ValidationError, match="trained"):
        PipelineOutputs(**dict(DATA))
    with pytest.raises(ValidationError, match="other"):
        DataOutputs(**dict(DATA), other=DATA.dataset)
