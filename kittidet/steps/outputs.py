"""The outputs of several steps, as they are passed on together: the data, and a whole pipeline."""

from pydantic import BaseModel, ConfigDict

from kittidet.store import StepOutput


class DataOutputs(BaseModel):
    """What training and evaluation need: the data set, how it was judged and divided, and its records."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: StepOutput
    validation: StepOutput
    split: StepOutput
    train_records: StepOutput
    val_records: StepOutput


class PipelineOutputs(DataOutputs):
    """The step outputs a run is published from."""

    trained: StepOutput
    evaluations: tuple[StepOutput, ...] = ()
