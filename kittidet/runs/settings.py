"""Which settings decide what a run is: two runs whose settings here and data are equal are the same run."""

from typing import Any

from kittidet.config import RunConfig, TrainConfig


def deciding_settings(config: RunConfig) -> dict[str, Any]:
    """Return the settings that decide the result, as JSON types."""
    # Where data and initial weights come from is not part of the identity: their digests are in the outputs' keys. Nor
    # is how many bad frames would have been too many, where records keep
    # their images, who computes, or what is done with the run afterwards.
    return config.model_dump(
        mode="json",
        exclude={
            "store_dir": True,
            "runs_dir": True,
            "source": True,
            "split": {"train_list", "val_list"},
            "train": {"initial_weights", *TrainConfig.no_identity},
            "validation": {"max_bad_share"},
            "records": {"images"},
            "retrain": True,
            "tracking": True,
            "compute": True,
        },
    )
