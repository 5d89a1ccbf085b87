"""Step 5, train: records become checkpoints. TensorFlow is imported when the step runs, not before."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kittidet.config import ModelConfig, TrainConfig
from kittidet.files import digest_path
from kittidet.store import StepKey, StepOutput, Store, step_key
from kittidet.training.history import EpochReport
from kittidet.training.start import name_initial_weights

VERSION = 3


def train_key(records: StepOutput, model: ModelConfig, recipe: TrainConfig) -> StepKey:
    """Return the identity of a training: the records, the model, the recipe, and the bytes it starts from.

    Raises:
        ConfigError: if ``recipe.initial_weights`` does not exist.
    """
    return step_key(
        "train",
        VERSION,
        records=records.summary["records_digest"],
        model=model,
        recipe=recipe.model_dump(mode="json", exclude={"initial_weights"}),
        initial_weights=name_initial_weights(recipe, model),
    )


def train(
    store: Store,
    records: StepOutput,
    model: ModelConfig,
    recipe: TrainConfig,
    *,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> StepOutput:
    """Return the checkpoints as a step output: ``checkpoints/step-*/``, ``history.csv``, ``tensorboard/``.

    A training that was killed resumes from its last saved epoch when this is called again.

    Raises:
        TrainingError, CheckpointMismatchError: if it cannot start or resume.
    """

    def make(folder: Path) -> dict[str, Any]:
        from kittidet.training.fit import fit_detector  # noqa: PLC0415  TensorFlow is loaded by this step alone

        result = fit_detector(store.path(records), model=model, train=recipe, work_dir=folder, on_epoch=on_epoch)
        return {
            "checkpoints": [
                {
                    "name": c.path.name,
                    "step": c.step,
                    "epoch": c.epoch,
                    "digest": digest_path(c.path),
                }
                for c in result.checkpoints
            ],
            "resumed_from_step": result.resumed_from_step,
            "anchor_coverage": result.anchor_coverage,
        }

    return store.get_or_make(train_key(records, model, recipe), make, resumable=True)


def checkpoint_path(store: Store, trained: StepOutput, name: str) -> Path:
    """Return the folder of one checkpoint of a finished training."""
    return store.path(trained) / "checkpoints" / name
