"""kittidet.steps.evaluate: a checkpoint's score, known by its bytes, from the label files themselves."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from kittidet.classes import KITTI8
from kittidet.config import EvalConfig, RecordsConfig, SourceConfig, SplitConfig, ValidateConfig
from kittidet.frame import Detections
from kittidet.steps.evaluate import evaluate, evaluate_key
from kittidet.steps.fetch import fetch
from kittidet.steps.outputs import DataOutputs
from kittidet.steps.records import write
from kittidet.steps.scoring import val_frames
from kittidet.steps.split import split
from kittidet.steps.validate import validate
from kittidet.store import Store, step_key


def write_checkpoints(folder: Path, facts: list[dict]) -> dict:
    for fact in facts:
        (folder / "checkpoints" / fact["name"]).mkdir(parents=True)
        (folder / "checkpoints" / fact["name"] / "model.weights.h5").write_text(fact["digest"])
    return {"checkpoints": facts}


@pytest.fixture
def outputs(tmp_path: Path, synthetic_root: Path) -> SimpleNamespace:
    store = Store(tmp_path / "store")
    dataset = fetch(store, SourceConfig(kind="folder", path=synthetic_root))
    validation = validate(store, dataset, ValidateConfig())
    parts = split(store, dataset, validation, SplitConfig(val_share=0.5))
    train, val = (write(store, dataset, parts, side, RecordsConfig()) for side in ("train", "val"))
    facts = [{"name": f"step-{n}", "step": n, "epoch": n, "average_of": [], "digest": f"weights {n}"} for n in (1, 2)]
    return SimpleNamespace(
        store=store,
        dataset=dataset,
        split=parts,
        data=DataOutputs(dataset=dataset, validation=validation, split=parts, train_records=train, val_records=val),
        trained=store.get_or_make(step_key("train", 1), lambda folder: write_checkpoints(folder, facts)),
    )


def test_checkpoint_records_and_scoring_are_part_of_the_key(outputs):
    records = outputs.data.val_records.model_copy(update={"summary": {"records_digest": "other"}})
    other = outputs.data.model_copy(update={"val_records": records})
    config = EvalConfig()
    keys = {
        evaluate_key(outputs.trained, "step-1", outputs.data, config),
        evaluate_key(outputs.trained, "step-2", outputs.data, config),
        evaluate_key(outputs.trained, "step-1", other, config),
        evaluate_key(outputs.trained, "step-1", outputs.data, EvalConfig(nms="hard")),
    }
    assert len(keys) == 4


def test_a_perfect_detector_scores_one_and_a_second_request_is_cached(outputs, monkeypatch):
    from kittidet.detect import warm
    from kittidet.detect.detector import Detector
    from kittidet.eval import records as predict

    calls = []

    def see_everything(detector, records_dir, *, config, images_dir, progress):
        calls.append((detector.path, records_dir))
        found = []
        for frame in val_frames(outputs.store, outputs.dataset, outputs.split, KITTI8):
            xyxy, ids = frame.labelled(KITTI8)
            found.append(Detections(frame.frame_id, xyxy, np.ones(len(ids), np.float32), ids))
        return found

    monkeypatch.setattr(Detector, "load", lambda path, reuse: SimpleNamespace(path=path))
    monkeypatch.setattr(warm, "_KEPT", [])
    monkeypatch.setattr(predict, "predict_records", see_everything)
    arguments = (
        outputs.store,
        outputs.trained,
        "step-2",
        outputs.data,
        EvalConfig(),
    )
    first, second = evaluate(*arguments), evaluate(*arguments)
    folder = outputs.store.path(second)
    assert (first.cached, second.cached) == (False, True)
    assert calls == [
        (outputs.store.path(outputs.trained) / "checkpoints" / "step-2", outputs.store.path(outputs.data.val_records))
    ]
    assert second.summary["step"] == 2
    assert second.summary["metrics"]["ap"] == pytest.approx(1.0)
    n_objects = sum(
        len(f.labelled(KITTI8)[1]) for f in val_frames(outputs.store, outputs.dataset, outputs.split, KITTI8)
    )
    assert len(json.loads((folder / "predictions.json").read_text())) == n_objects
    assert json.loads((folder / "metrics.json").read_text()) == second.summary["metrics"]
