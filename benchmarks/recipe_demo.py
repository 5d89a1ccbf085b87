"""The demo's data and recipe, shortened to its last weights: what the recipe benchmarks set another recipe beside."""

from pathlib import Path

from kittidet.config import ModelConfig, TrainConfig
from kittidet.presets import PRESETS
from kittidet.runs.run import Run
from kittidet.steps.pipeline import run_pipeline

EPOCHS = 9


def train_demo(
    name: str,
    folder: Path,
    *,
    seed: int,
    epochs: int = EPOCHS,
    model: ModelConfig | None = None,
    train: TrainConfig | None = None,
) -> Run:
    """Return the finished run of a seed; what its store holds is not done again.

    Args:
        name: of the run.
        folder: of store and runs.
        seed: of the training; the data is the same for all.
        epochs: after which the last weights are scored.
        model: None: the demo's.
        train: the recipe; None: the demo's.
    """
    demo = PRESETS["demo"]()
    last = {"epochs": epochs, "seed": seed, "evaluate_every_epochs": 0, "checkpoint_every_epochs": epochs}
    config = demo.model_copy(
        update={
            "name": name,
            "store_dir": folder / "store",
            "runs_dir": folder / "runs",
            "model": model or demo.model,
            "train": (train or demo.train).model_copy(update=last),
        }
    )
    return Run.open(run_pipeline(config).path)
