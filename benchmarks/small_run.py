"""The run that benchmarks of the orchestration use: each task of the flow on ten frames, without TensorFlow.

Training and evaluation are stand-ins that write small files under the true keys: what is measured is around them.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tasks.steps
from kittidet.classes import KITTI8
from kittidet.steps.evaluate import checkpoint_facts, evaluate_key
from kittidet.steps.train import train_key
from kittidet.store import StepOutput, Store

_SETTINGS = ("source.synthetic_frames=10", "source.synthetic_seed=3", "records.train_shards=2", "records.val_shards=1")
_CHECKPOINTS = 3


def small_run(store: Path, runs: Path) -> dict[str, object]:
    """Return the flow's parameters."""
    places = [f"store_dir={json.dumps(str(store))}", f"runs_dir={json.dumps(str(runs))}"]
    return {"preset": "demo", "overrides": [*_SETTINGS, *places], "trainer": "here"}


def use_stand_ins() -> None:
    """Let the tasks of this process train and evaluate in no time."""
    tasks.steps.train_step = _train
    tasks.steps.evaluate_step = _evaluate


def _train(
    store: Store, data: Any, model: Any, recipe: Any, scoring: Any, *, on_epoch: Callable[..., None]
) -> StepOutput:
    del scoring, on_epoch

    def make(folder: Path) -> dict[str, Any]:
        checkpoints = []
        for step in range(1, _CHECKPOINTS + 1):
            name = f"step-{step:08d}"
            (folder / "checkpoints" / name).mkdir(parents=True)
            (folder / "checkpoints" / name / "model.weights.h5").write_bytes(bytes([step]))
            facts = {"name": name, "step": step, "epoch": step, "average_of": [], "digest": f"{step}" * 64}
            checkpoints.append(facts)
        (folder / "history.csv").write_text("epoch,loss\n1,0.5\n", encoding="utf-8")
        return {"checkpoints": checkpoints, "resumed_from_step": None, "anchor_coverage": 1.0}

    return store.get_or_make(train_key(data, model, recipe), make)


def _evaluate(
    store: Store, trained: StepOutput, name: str, data: Any, config: Any, compute: Any, *, progress: Callable[..., None]
) -> StepOutput:
    del compute, progress

    def make(folder: Path) -> dict[str, Any]:
        facts = checkpoint_facts(trained, name)
        ap = 0.1 * facts["step"]
        per_class = dict.fromkeys(KITTI8.names) | {"Car": ap}
        scores = {"ap": ap, "ap50": ap, "ap75": ap, "per_class_ap": per_class, "per_class_ap50": per_class}
        scores |= {"max_detections": 100, "ap_at_100": ap}
        (folder / "metrics.json").write_text(json.dumps(scores), encoding="utf-8")
        (folder / "predictions.json").write_text("[]", encoding="utf-8")
        return {**facts, "metrics": scores}

    return store.get_or_make(evaluate_key(trained, name, data, config), make)
