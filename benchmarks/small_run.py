"""The run that benchmarks of the orchestration use: every task of the flow, ten synthetic frames, one short epoch."""

import json
from pathlib import Path

_SETTINGS = (
    "source.synthetic_frames=10",
    "source.synthetic_seed=3",
    "model.input_hw=[64,192]",
    "records.train_shards=2",
    "records.val_shards=1",
    "train.batch_size=4",
    "train.initial_weights=null",
    "train.epochs=1",
    "train.checkpoint_every_epochs=1",
)


def small_run(store: Path, runs: Path) -> dict[str, object]:
    """Return the flow's parameters."""
    places = [f"store_dir={json.dumps(str(store))}", f"runs_dir={json.dumps(str(runs))}"]
    return {"preset": "demo", "overrides": [*_SETTINGS, *places], "trainer": "here"}
