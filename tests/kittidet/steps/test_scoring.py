"""kittidet.steps.scoring: training and evaluation score a checkpoint on the same frames and come to the same number."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from kittidet.classes import KITTI8
from kittidet.config import (
    ComputeConfig,
    EvalConfig,
    ModelConfig,
    RecordsConfig,
    SourceConfig,
    SplitConfig,
    ValidateConfig,
)
from kittidet.kitti import frames
from kittidet.kitti.labels import parse_label_file
from kittidet.presets import STARTER
from kittidet.steps.cluster import executor_for
from kittidet.steps.evaluate import evaluate
from kittidet.steps.fetch import dataset_images, fetch
from kittidet.steps.outputs import DataOutputs
from kittidet.steps.records import write
from kittidet.steps.scoring import _load_frames, detect_on_records, score_model, val_frames
from kittidet.steps.split import split, split_ids
from kittidet.steps.train import validation_set
from kittidet.steps.validate import validate
from kittidet.store import Store, step_key


@pytest.fixture(scope="module")
def made(tmp_path_factory, synthetic_root: Path) -> SimpleNamespace:
    store = Store(tmp_path_factory.mktemp("scoring") / "store")
    dataset = fetch(store, SourceConfig(kind="folder", path=synthetic_root))
    validation = validate(store, dataset, ValidateConfig())
    parts = split(store, dataset, validation, SplitConfig(val_share=0.5))
    train, val = (write(store, dataset, parts, side, RecordsConfig()) for side in ("train", "val"))
    data = DataOutputs(dataset=dataset, validation=validation, split=parts, train_records=train, val_records=val)
    return SimpleNamespace(store=store, data=data)


def test_the_frames_that_are_scored_are_the_splits_val_frames(made):
    found = val_frames(made.store, made.data.dataset, made.data.split, KITTI8)
    assert tuple(f.frame_id for f in found) == split_ids(made.store, made.data.split, "val")
    assert sum(len(f.objects) for f in found) > 0


def test_the_label_files_are_read_once_for_all_checkpoints(made, monkeypatch):
    _load_frames.cache_clear()
    parsed = []
    monkeypatch.setattr(
        frames, "parse_label_file", lambda path, **kw: parsed.append(path) or parse_label_file(path, **kw)
    )
    first, second = (val_frames(made.store, made.data.dataset, made.data.split, KITTI8) for _ in range(2))
    assert first == second
    assert len(parsed) == len(split_ids(made.store, made.data.split, "val"))


def test_ap_while_training_is_the_number_of_record(made):
    facts = {"name": "step-00000001", "step": 1, "epoch": 1, "average_of": [], "digest": "d"}

    def training(folder: Path) -> dict:
        shutil.copytree(STARTER, folder / "checkpoints" / facts["name"])
        return {"checkpoints": [facts]}

    trained = made.store.get_or_make(step_key("train", 1), training)
    checkpoint = made.store.path(trained) / "checkpoints" / facts["name"]
    config = EvalConfig(batch_size=2)
    with dataset_images(made.store, made.data.dataset) as images_dir:
        seen = validation_set(made.store, made.data, config, images_dir).score(checkpoint)
    recorded = evaluate(made.store, trained, facts["name"], made.data, config).summary["metrics"]
    assert seen.ap50 > 0.05  # the starter knows these scenes
    assert seen.ap == pytest.approx(recorded["ap"], abs=1e-6)
    assert seen.ap50 == pytest.approx(recorded["ap50"], abs=1e-6)
    assert seen.per_class_ap == pytest.approx(recorded["per_class_ap"], abs=1e-6)


@pytest.fixture
def ways(made):
    """How the starter detects on the validation frames: alone, or in parts of two frames by an executor."""
    config, records = EvalConfig(batch_size=2), made.store.read(made.data.val_records)

    def ways(executor, **more):
        with dataset_images(made.store, made.data.dataset) as images_dir:
            return detect_on_records(STARTER, records, images_dir, config, executor=executor, **more)

    return ways


def test_detections_in_parts_are_those_of_one_process_to_the_bit(ways, monkeypatch):
    monkeypatch.setattr("kittidet.steps.scoring._FRAMES_A_BATCH", 2)
    alone, told = ways(None), []
    with ThreadPoolExecutor(2) as pool:
        together = ways(pool, progress=lambda *counts: told.append(counts))
    check_same(alone, together)
    assert told[-1] == (len(alone), len(alone))
    assert len(told) == 3


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_detections_of_other_processes_are_those_of_this_one_to_the_bit(ways, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("kittidet.steps.scoring._FRAMES_A_BATCH", 2)
    with executor_for("evaluate", ComputeConfig(runner="dask"), [tmp_path]) as executor:
        check_same(ways(None), ways(executor))


def check_same(one, other) -> None:
    assert sum(map(len, one)) > 0
    assert [d.frame_id for d in one] == [d.frame_id for d in other]
    for ours, theirs in zip(one, other, strict=True):
        for name in ("xyxy", "scores", "class_ids"):
            assert getattr(ours, name).tobytes() == getattr(theirs, name).tobytes()


def test_any_model_is_scored_on_the_validation_frames_by_the_rule_of_checkpoints(made, tmp_path, monkeypatch):
    from fixtures.tiny_models import INPUT_HW, tiny_efficientdet

    from kittidet.detect.checkpoint import DetectorFacts, write_detector
    from kittidet.export.tflite import write_tflite

    monkeypatch.setattr("kittidet.detect.detector.build_efficientdet", tiny_efficientdet)
    network = tiny_efficientdet("d0", len(KITTI8), INPUT_HW)
    checkpoint = write_detector(tmp_path / "checkpoint", network, DetectorFacts(ModelConfig(input_hw=INPUT_HW), KITTI8))
    file = write_tflite(network, tmp_path / "model.tflite", precision="float16")
    source = score_model(made.store, checkpoint, None, made.data, EvalConfig())
    exported = score_model(made.store, file, checkpoint, made.data, EvalConfig())
    assert source.n_images == exported.n_images == len(split_ids(made.store, made.data.split, "val"))
    assert source.n_detections > 0
    assert exported.ap == pytest.approx(source.ap, abs=0.02)
