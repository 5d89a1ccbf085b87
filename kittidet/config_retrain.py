"""What a person may set of re-training: where it starts, and what takes the champion's place."""

from typing import Literal

from pydantic import Field

from kittidet.section import Section


class RetrainConfig(Section):
    """Re-training on a schedule, and when what came of it takes the champion's place; not part of a run's identity."""

    start: Literal["champion", "coco", "configured"] = Field(
        "champion", description="weights to start from: the champion's, the published ones, or train.initial_weights"
    )
    rule: Literal["better", "not_worse"] = Field(
        "better", description="what promotes: surely better AP, or surely not worse by more than margin"
    )
    margin: float = Field(0.005, gt=0, lt=1, description="not_worse: AP that a challenger may be worse, 0 to 1")
    alpha: float = Field(
        0.05, gt=0, lt=0.5, description="chance of any false promotion in so many comparisons as looks"
    )
    looks: int = Field(52, ge=1, le=10_000, description="comparisons that share alpha: those of a year")
    resamples: int = Field(1000, ge=100, le=1_000_000, description="bootstrap draws of the validation frames")
