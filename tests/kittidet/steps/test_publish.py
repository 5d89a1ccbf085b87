"""kittidet.steps.publish: the best checkpoint, in a folder that is complete and never written over."""

import io
import json
from pathlib import Path

import pytest
from fixtures.damage import flip_a_bit
from PIL import Image

from kittidet.config import RunConfig, SourceConfig, TrainConfig
from kittidet.errors import DamagedOutputError, EvaluationError, StoreError
from kittidet.kitti.tree import open_tree
from kittidet.runs.note import RUNS, RunNote
from kittidet.steps.outputs import PipelineOutputs
from kittidet.steps.publish import pick_best, publish
from kittidet.store import StepKey, StepOutput, Store, step_key

LABEL = "Car 0.00 0 0.00 10.00 20.00 110.00 80.00 1.50 1.60 3.90 0.00 1.60 20.00 0.00\n"


def a_png() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (200, 100)).save(stream, "PNG")
    return stream.getvalue()


def metrics(ap: float | None) -> dict:
    return {
        "ap": ap,
        "ap50": ap,
        "ap75": ap,
        "per_class_ap": {"Car": ap, "Van": None},
        "per_class_ap50": {"Car": ap, "Van": None},
        "max_detections": 100,
        "ap_at_100": ap,
    }


def predictions(step: int) -> list[dict]:
    """One detection of the label, the worse the further the step is from 10."""
    return [{"image_id": 0, "category_id": 1, "bbox": [10 + abs(step - 10), 20, 100, 60], "score": 0.5}]


def an_evaluation(store: Store, step: int, ap: float | None, average_of: tuple[int, ...] = ()) -> StepOutput:
    def make(folder: Path) -> dict:
        (folder / "predictions.json").write_text(json.dumps(predictions(step)))
        name = f"{'average' if average_of else 'step'}-{step}"
        facts = {"name": name, "step": step, "epoch": step, "average_of": list(average_of), "digest": str(step)}
        return {**facts, "metrics": metrics(ap)}

    return store.get_or_make(step_key("evaluate", 1, step=step, ap=ap, average_of=average_of), make)


def make_outputs(store: Store, aps: dict[int, float | None]) -> PipelineOutputs:
    def dataset(folder: Path) -> dict:
        for kind, suffix, content in (("image_2", "png", a_png()), ("label_2", "txt", LABEL.encode())):
            (folder / "training" / kind).mkdir(parents=True)
            (folder / "training" / kind / f"000000.{suffix}").write_bytes(content)
        return {"root": ".", "content": open_tree(folder).digest()}

    def validation(folder: Path) -> dict:
        (folder / "findings.csv").write_text("frame_id\n")
        return {"set_aside": 0}

    def split(folder: Path) -> dict:
        (folder / "train.txt").write_text("000001\n")
        (folder / "val.txt").write_text("000000\n")
        (folder / "nearest.json").write_text("{}")
        return {"n_train": 1, "n_val": 1, "method": "random80", "leakage": None, "nearness": None, "digest": "s"}

    def trained(folder: Path) -> dict:
        (folder / "history.csv").write_text("epoch\n1\n")
        for step in aps:
            (folder / "checkpoints" / f"step-{step}").mkdir(parents=True)
            (folder / "checkpoints" / f"step-{step}" / "model.weights.h5").write_text(f"weights {step}")
        return {"anchor_coverage": 0.9}

    def records(_: Path) -> dict:
        return {"records_digest": "r", "counts": {"Car": 1}}

    make = store.get_or_make
    steps = list(aps)
    return PipelineOutputs(
        dataset=make(step_key("fetch", 1), dataset),
        validation=make(step_key("validate", 1), validation),
        split=make(step_key("split", 1), split),
        train_records=make(step_key("records-train", 1), records),
        val_records=make(step_key("records-val", 1), records),
        trained=make(step_key("train", 1, steps=steps), trained),
        evaluations=tuple(an_evaluation(store, step, ap) for step, ap in aps.items()),
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    return RunConfig(name="mine", runs_dir=tmp_path / "runs")


@pytest.mark.parametrize(
    ("aps", "best"),
    [({5: 0.3}, 5), ({5: 0.3, 10: 0.5, 15: 0.4}, 10), ({5: 0.5, 10: 0.5}, 5), ({5: None, 10: 0.0}, 10)],
)
def test_the_best_ap_is_picked_and_of_equals_the_earliest(store, aps, best):
    assert pick_best([an_evaluation(store, *item) for item in aps.items()]).summary["step"] == best


@pytest.mark.parametrize(("ap", "picked"), [(0.5, "step-5"), (0.51, "average-10")])
def test_an_average_has_to_be_better_to_be_picked(store, ap, picked):
    evaluations = [an_evaluation(store, 10, ap, (5, 10)), an_evaluation(store, 5, 0.5), an_evaluation(store, 10, 0.4)]
    assert pick_best(evaluations).summary["name"] == picked


@pytest.mark.parametrize("aps", [{}, {5: None}])
def test_without_any_ap_nothing_is_picked(store, aps):
    with pytest.raises(EvaluationError, match="none has an AP"):
        pick_best([an_evaluation(store, *item) for item in aps.items()])


def test_a_run_holds_what_a_person_expects(store, config):
    run = publish(store, make_outputs(store, {5: 0.3, 10: 0.5, 15: 0.4}), config)
    assert run.path == config.runs_dir / "mine"
    assert not run.cached
    assert (run.path / "weights/best/model.weights.h5").read_text() == "weights 10"
    assert (run.path / "weights/last/model.weights.h5").read_text() == "weights 15"
    assert json.loads((run.path / "predictions.json").read_text()) == predictions(10)
    assert (run.path / "history.csv").read_text() == "epoch\n1\n"
    assert json.loads((run.path / "config.json").read_text())["name"] == "mine"
    truth = json.loads((run.path / "ground_truth.json").read_text())
    assert truth["annotations"][0]["bbox"] == [10, 20, 100, 60]
    summary = json.loads((run.path / "summary.json").read_text())
    assert summary == run.summary
    assert (summary["ap"], summary["best_step"], summary["checkpoint"]) == (0.5, 10, "weights/best")
    assert summary["per_class_ap"] == {"Car": 0.5, "Van": None}
    assert (summary["n_train"], summary["n_val"]) == (1, 1)
    assert {"data", "split", "checkpoint"} <= set(summary["digests"])
    steps = ["fetch", "validate", "split", "records-train", "records-val", "train", *["evaluate"] * 3]
    assert [output["step"] for output in summary["outputs"]] == steps
    assert all(store.load(StepKey(**output)) is not None for output in summary["outputs"])
    assert [(row["step"], row["best"], row["chance_of_best"]) for row in summary["checkpoints"]] == [
        (5, False, 0.0),
        (10, True, 1.0),
        (15, False, 0.0),
    ]


def test_a_run_made_with_relative_paths_says_where_everything_is_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = RunConfig(
        name="mine",
        source=SourceConfig(kind="folder", path=Path("data")),
        train=TrainConfig(initial_weights=Path("start.h5")),
    )
    store = Store(config.store_dir)
    run = publish(store, make_outputs(store, {5: 0.3}), config)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    saved = RunConfig.model_validate_json((run.path / "config.json").read_text())
    assert (saved.store_dir, saved.runs_dir) == (tmp_path / "store", tmp_path / "runs")
    assert (saved.source.path, saved.train.initial_weights) == (tmp_path / "data", tmp_path / "start.h5")
    assert (run.path / run.summary["store"]).resolve() == tmp_path / "store"


def test_the_same_run_finds_its_folder_again(store, config):
    first = publish(store, make_outputs(store, {5: 0.3}), config)
    again = publish(store, make_outputs(store, {5: 0.3}), config)
    assert again.cached
    assert (again.path, again.summary) == (first.path, first.summary)
    assert [p.name for p in config.runs_dir.iterdir() if not p.name.startswith(".")] == ["mine"]


def test_a_run_that_fails_leaves_no_folder(store, config):
    outputs = make_outputs(store, {5: 0.3})
    (store.path(outputs.trained) / "history.csv").unlink()
    with pytest.raises(StoreError, match=r"history\.csv"):
        publish(store, outputs, config)
    assert [p.name for p in config.runs_dir.iterdir() if not p.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("step", "name"),
    [
        ("trained", "checkpoints/step-5/model.weights.h5"),
        ("trained", "history.csv"),
        ("evaluation", "predictions.json"),
        ("validation", "findings.csv"),
        ("split", "train.txt"),
        ("split", "val.txt"),
        ("split", "nearest.json"),
    ],
)
def test_a_flipped_bit_is_not_published(store, config, step, name):
    outputs = make_outputs(store, {5: 0.3})
    output = outputs.evaluations[0] if step == "evaluation" else getattr(outputs, step)
    flip_a_bit(store.path(output) / name)
    with pytest.raises(DamagedOutputError, match=f"{name}: changed since it was written"):
        publish(store, outputs, config)
    assert [p.name for p in config.runs_dir.iterdir() if not p.name.startswith(".")] == []
    assert publish(store, make_outputs(store, {5: 0.3}), config).path.name == "mine"


def test_where_the_data_lies_is_no_part_of_a_run(store, config, tmp_path):
    first = publish(store, make_outputs(store, {5: 0.3}), config)
    moved = config.model_copy(update={"source": config.source.model_copy(update={"path": tmp_path})})
    assert publish(store, make_outputs(store, {5: 0.3}), moved).path == first.path


def test_a_run_from_a_store_on_a_url_names_the_url_and_notes_there_what_it_needs(bucket, config):
    store = Store(bucket)
    outputs = make_outputs(store, {5: 0.3})
    run = publish(store, outputs, config)
    assert json.loads((run.path / "config.json").read_text())["store_dir"] == bucket
    assert "store" not in run.summary
    publish(store, outputs, config)
    (name,) = store.shared.objects.names(RUNS)
    note = RunNote.read(store.shared.objects.read(f"{RUNS}/{name}"), where=name)
    assert set(note.outputs) == {output["digest"] for output in run.summary["outputs"]}
