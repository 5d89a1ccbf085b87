"""The run that benchmarks of the orchestration use: each task of the flow on ten frames, without TensorFlow.

Training and evaluation are stand-ins that write small files under the true keys: what is measured is around them.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tasks.steps
from kittidet.classes import KITTI8
from kittidet.files import digest_path
from kittidet.steps import judge
from kittidet.steps.evaluate import checkpoint_facts, scores_key
from kittidet.steps.train import train_key
from kittidet.store import StepOutput, Store

_SETTINGS = ("source.synthetic_frames=10", "source.synthetic_seed=3", "records.train_shards=2", "records.val_shards=1")
_CHECKPOINTS = 3


def small_run(store: Path, runs: Path) -> dict[str, object]:
    """Return the flow's parameters."""
    places = [f"store_dir={json.dumps(str(store))}", f"runs_dir={json.dumps(str(runs))}"]
    return {"preset": "demo", "overrides": [*_SETTINGS, *places], "trainer": "here"}


def use_stand_ins() -> None:
    """Let the tasks of this process train and score in no time."""
    tasks.steps.train_step = _train
    tasks.steps.evaluate_step = _evaluate
    judge.score_checkpoint = _score


def _train(
    store: Store, data: Any, model: Any, recipe: Any, scoring: Any, *, on_epoch: Callable[..., None]
) -> StepOutput:
    del scoring, on_epoch
    key = train_key(data, model, recipe)

    def make(folder: Path) -> dict[str, Any]:
        checkpoints = []
        for step in range(1, _CHECKPOINTS + 1):
            checkpoint = folder / "checkpoints" / f"step-{step:08d}"
            checkpoint.mkdir(parents=True)
            (checkpoint / "model.weights.h5").write_text(f"{key.digest} {step}", encoding="utf-8")
            facts = {"name": checkpoint.name, "step": step, "epoch": step, "average_of": []}
            checkpoints.append({**facts, "digest": digest_path(checkpoint)})
        (folder / "history.csv").write_text("epoch,loss\n1,0.5\n", encoding="utf-8")
        return {"checkpoints": checkpoints, "resumed_from_step": None, "anchor_coverage": 1.0}

    return store.get_or_make(key, make)


def _evaluate(
    store: Store, trained: StepOutput, name: str, data: Any, config: Any, compute: Any, *, progress: Callable[..., None]
) -> StepOutput:
    return _score(store, Path(), checkpoint_facts(trained, name), data, config, compute, progress=progress)


def _score(
    store: Store, path: Path, facts: Mapping[str, Any], data: Any, config: Any, compute: Any = None, **progress: Any
) -> StepOutput:
    del path, compute, progress

    def make(folder: Path) -> dict[str, Any]:
        ap = 0.1 * facts.get("step", 1)
        per_class = dict.fromkeys(KITTI8.names) | {"Car": ap}
        scores = {"ap": ap, "ap50": ap, "ap75": ap, "per_class_ap": per_class, "per_class_ap50": per_class}
        scores |= {"max_detections": 100, "ap_at_100": ap}
        (folder / "metrics.json").write_text(json.dumps(scores), encoding="utf-8")
        (folder / "predictions.json").write_text("[]", encoding="utf-8")
        return {**facts, "metrics": scores}

    return store.get_or_make(scores_key(facts["digest"], data, config), make)
