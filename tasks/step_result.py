"""What one task hands to the next: a step output's identity and facts, never its data."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from kittidet.store import StepKey, StepOutput, Store


class StepResult(BaseModel):
    """A step output as Prefect stores and passes it: JSON only, and no path, so that a store can be moved or shared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: str
    digest: str
    summary: dict[str, Any]

    @classmethod
    def of(cls, output: StepOutput) -> Self:
        """Return the result that stands for a step output."""
        return cls(step=output.key.step, digest=output.key.digest, summary=output.summary)

    def output(self, store: Store) -> StepOutput:
        """Return the step output in a store that this result stands for; whether it is whole is not looked at."""
        key = StepKey(self.step, self.digest)
        return StepOutput(key, store.path(key), self.summary, cached=True)
