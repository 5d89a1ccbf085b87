"""This project's recipe beside the reference's as it is used at batch 2, from the same weights, on the same images.

Both see as many drawn images as `make demo` does, the same split, classes, anchors and start. The reference's recipe
is that of google/automl with the two changes its users make first, start weights and a batch that fits: batch norm
learns, SGD's rate is 0.08 scaled by batch / 64, the cosine is the reference's, random resizes reach from 0.1 to 2, and
the input is a square, of 1.8 times the pixels. Its warm-up starts below the peak as everywhere here: the reference's
own, which does not scale the start, begins above it.

The loss of a step is `class + 50 box`; its spread is that between its 5th and its 95th percentile over the second half
of the steps, as a factor.

    .venv/bin/python benchmarks/recipe_reference.py [--seeds 3] [--work DIR]
"""

import argparse
import tempfile
from pathlib import Path
from statistics import mean

import numpy as np
from recipe_demo import EPOCHS, train_demo
from rows import add_row
from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from kittidet.config import AugmentConfig, ModelConfig, TrainConfig
from kittidet.presets import PRESETS
from kittidet.runs.run import Run

REFERENCE = TrainConfig(
    epochs=EPOCHS,
    batch_size=2,
    optimizer="sgd",
    schedule="reference",
    ema_decay=0.9998,
    batch_norm="train",
    initial_weights="starter",
    augment=AugmentConfig(scale_min=0.1, scale_max=2.0, colour=0),
)


def train(which: str, seed: int, folder: Path) -> Run:
    """Return the finished run of a recipe and seed."""
    if which == "ours":
        return train_demo(f"ours-{seed}", folder, seed=seed)
    square = ModelConfig(variant="d0", input_hw=(384, 384), anchor_scale=PRESETS["demo"]().model.anchor_scale)
    return train_demo(f"reference-{seed}", folder, seed=seed, model=square, train=REFERENCE)


def spread(run: Run) -> float:
    """Return the factor between the 95th and the 5th percentile of a step's loss over the second half of the steps."""
    events = EventAccumulator(str(run.path / "tensorboard" / "steps"), size_guidance={TENSORS: 0}).Reload()
    parts = {
        name: np.array([float(make_ndarray(e.tensor_proto)) for e in events.Tensors(name)])
        for name in ("class_loss", "box_loss")
    }
    loss = parts["class_loss"] + 50 * parts["box_loss"]
    low, high = np.percentile(loss[len(loss) // 2 :], (5, 95))
    return float(high / low)


def main() -> None:
    """Train what is not there yet, print, and append a row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path, help="a folder whose runs are kept")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (given.work or Path(temporary)).absolute()
        said = []
        for which in ("ours", "reference"):
            runs = [train(which, seed, folder) for seed in range(given.seeds)]
            ap, spreads = [run.summary["ap"] for run in runs], [spread(run) for run in runs]
            each = ", ".join(f"{a:.3f} ({s:.1f}x)" for a, s in zip(ap, spreads, strict=True))
            said.append(f"{which}: AP {mean(ap):.3f}, spread of the loss {mean(spreads):.1f}x (each {each})")
    add_row(f"recipes: demo data, {EPOCHS} epochs, {given.seeds} seeds, last weights", "; ".join(said))


if __name__ == "__main__":
    main()
