"""tasks.steps: each task is one library call under the step's own key, and shows what it made."""

import shutil

import pytest

from kittidet.config import EvalConfig, RecordsConfig, SourceConfig, TrainConfig, ValidateConfig
from kittidet.errors import DatasetContractError
from kittidet.steps.split import split_ids
from kittidet.store import StepOutput, Store
from kittidet.training.history import EpochReport
from tasks import show, steps
from tasks.retrying import may_pass
from tasks.steps import evaluate, fetch, findings_key, fine_tune, publish, report, split, validate, write_records

NAME = "step-00000020"
TRAINED = StepOutput(
    step="train",
    digest="t",
    summary={"checkpoints": [{"name": NAME, "step": 20, "epoch": 2, "average_of": [], "digest": "d"}]},
)


@pytest.fixture
def shown(monkeypatch) -> dict:
    """What would be seen, by artifact key."""
    found: dict = {}
    for module, names in ((steps, ("show_table", "show_text", "show_facts")), (show, ("show_table", "show_facts"))):
        for name in names:
            monkeypatch.setattr(module, name, lambda key, value, _description: found.update({key: value}))
    return found


class Bar:
    """A progress bar that remembers its moves."""

    def __init__(self, key: str, description: str) -> None:
        self.moves.append(key)

    def update(self, share: float, description: str) -> None:
        self.moves.append((share, description))


def fine_tune_key(prepared, recipe: TrainConfig):
    return fine_tune.cache_policy.key_of(prepared.data, prepared.config.model, recipe)


@pytest.mark.parametrize(
    ("task", "name", "tags"),
    [
        (fetch, "fetch", {"kitti", "network"}),
        (validate, "validate", {"kitti", "cpu"}),
        (split, "split", {"kitti", "cpu"}),
        (write_records, "write-records", {"kitti", "cpu"}),
        (fine_tune, "fine-tune", {"kitti", "gpu"}),
        (evaluate, "evaluate", {"kitti", "gpu"}),
        (publish, "publish", {"kitti", "cpu"}),
        (report, "report", {"kitti", "cpu"}),
    ],
)
def test_every_task_is_known_by_its_name_and_tags_and_is_tried_again_with_growing_pauses(task, name, tags):
    assert (task.name, task.tags) == (name, tags)
    assert task.retries == (4 if name == "fetch" else 2)
    assert task.retry_delay_seconds == sorted(task.retry_delay_seconds)
    assert task.retry_delay_seconds[0] < task.retry_delay_seconds[-1]
    assert task.retry_condition_fn is may_pass
    assert 0 < task.timeout_seconds <= 7 * 24 * 3600


def test_run_names_say_what_is_done(prepared):
    assert fetch.task_run_name.format(source=SourceConfig(kind="synthetic")) == "fetch synthetic data"
    assert split.task_run_name.format(config=prepared.config.split) == "split by random80"


def test_the_data_set_is_the_folder_that_was_named(prepared, synthetic_root):
    assert prepared.dataset.summary["root"] == str(synthetic_root)
    assert Store(prepared.store_dir).path(prepared.dataset).is_dir()


@pytest.fixture
def bad(tmp_path, synthetic_root) -> StepOutput:
    shutil.copytree(synthetic_root / "training", tmp_path / "bad" / "training")
    (tmp_path / "bad" / "training" / "label_2" / "000001.txt").write_text("Car 0.00 0\n")
    return fetch.fn(tmp_path / "store", SourceConfig(kind="folder", path=tmp_path / "bad"))


def test_a_clean_set_shows_no_findings(prepared, shown):
    result = validate.fn(prepared.store_dir, prepared.dataset, ValidateConfig(), RecordsConfig())
    assert result.model_dump() == prepared.validation.model_dump()
    assert set(shown) == {"kitti-validation"}


def test_too_many_findings_stop_the_run_and_are_shown(bad, shown, tmp_path):
    with pytest.raises(DatasetContractError, match="1 of 10 frames"):
        validate.fn(tmp_path / "store", bad, ValidateConfig(max_bad_share=0.05), RecordsConfig())
    assert any(row["frame_id"] == "000001" for row in shown["kitti-findings"])


def test_a_record_of_a_lenient_run_does_not_satisfy_a_strict_one(bad, tmp_path):
    validate.fn(tmp_path / "store", bad, ValidateConfig(max_bad_share=1), RecordsConfig())
    assert findings_key(Store(tmp_path / "store"), bad, ValidateConfig(max_bad_share=1), RecordsConfig()) is not None
    assert findings_key(Store(tmp_path / "store"), bad, ValidateConfig(max_bad_share=0), RecordsConfig()) is None


def test_a_record_of_findings_that_leave_no_frame_satisfies_nobody(bad, tmp_path):
    for label in (tmp_path / "bad" / "training" / "label_2").iterdir():
        label.write_text("Car 0.00\n")
    store_dir, lenient = tmp_path / "store", ValidateConfig(max_bad_share=1)
    dataset = fetch.fn(store_dir, SourceConfig(kind="folder", path=tmp_path / "bad"))
    assert findings_key(Store(store_dir), dataset, lenient, RecordsConfig()) is not None
    with pytest.raises(DatasetContractError, match="got none"):
        validate.fn(store_dir, dataset, lenient, RecordsConfig())
    assert findings_key(Store(store_dir), dataset, lenient, RecordsConfig()) is None


def test_the_accepted_frames_are_split_under_the_step_s_key(prepared):
    store = Store(prepared.store_dir)
    assert sum(len(split_ids(store, prepared.split, side)) for side in ("train", "val")) == 10
    key = split.cache_policy.key_of(store, prepared.dataset, prepared.validation, prepared.config.split)
    assert key.digest == prepared.split.digest


def test_each_side_has_the_step_s_key_for_it(prepared):
    for side, records in (("train", prepared.train_records), ("val", prepared.val_records)):
        key = write_records.cache_policy.key_of(prepared.dataset, prepared.split, side, prepared.config.records)
        assert (key.digest, records.summary["split"]) == (records.digest, side)


def test_every_class_of_the_table_is_counted_and_the_labels_are_drawn(prepared, shown):
    write_records.fn(prepared.store_dir, prepared.dataset, prepared.split, "val", prepared.config.records)
    rows = shown["kitti-classes-val"]
    assert [row["class"] for row in rows] == prepared.val_records.summary["classes"]
    assert sum(row["objects"] for row in rows) == prepared.val_records.summary["objects"] > 0
    assert "data:image/jpeg" in shown["kitti-labels-val"]


def test_each_epoch_moves_the_bar_and_the_checkpoints_are_named(prepared, shown, monkeypatch):
    def step(store, data, model, recipe, scoring, *, on_epoch):
        assert data.train_records.digest == prepared.train_records.digest
        for epoch, ap in ((1, None), (2, 0.25)):
            on_epoch(EpochReport(epoch, 10 * epoch, 0.1, 1.0 / epoch, 0.1, 0.1, 0.0, 0.0, 3.0, 600.0, ap, ap))
        return TRAINED

    monkeypatch.setattr(steps, "ProgressBar", type("Moves", (Bar,), {"moves": (moves := [])}))
    monkeypatch.setattr(steps, "train_step", step)
    result = fine_tune.fn(prepared.store_dir, prepared.data, prepared.config.model, TrainConfig(epochs=2), EvalConfig())
    assert moves == [
        "kitti-training-progress",
        (0.5, "epoch 1 of 2, about 10 min left, loss 1.0000"),
        (1.0, "epoch 2 of 2, AP 0.250, loss 0.5000"),
        (1.0, "2 epochs done"),
    ]
    assert shown["kitti-training"]["checkpoints"] == [f"{NAME} (epoch 2)"]
    assert result.summary["checkpoints"][0]["name"] == NAME


def test_where_the_first_weights_lie_is_no_part_of_the_key_but_their_bytes_are(prepared, tmp_path):
    keys = []
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
        keys.append(fine_tune_key(prepared, TrainConfig(initial_weights=tmp_path / name)))
    assert keys[0] == keys[1] != keys[2]


def test_the_scores_are_shown_with_all_classes_first_and_each_by_name(prepared, shown, monkeypatch):
    per_class = {"per_class_ap": {"Car": 0.3, "Tram": None}, "per_class_ap50": {"Car": 0.6, "Tram": None}}

    def step(store, trained, checkpoint, data, config, compute, *, progress):
        assert (trained, checkpoint, data, config.nms) == (TRAINED, NAME, prepared.data, "hard")
        progress(1, 4)
        metrics = {"ap": 0.3, "ap50": 0.6, "ap75": 0.2, **per_class}
        return StepOutput(step="evaluate", digest="e", summary={"metrics": metrics, "epoch": 2})

    monkeypatch.setattr(steps, "ProgressBar", type("Moves", (Bar,), {"moves": (moves := [])}))
    monkeypatch.setattr(steps, "evaluate_step", step)
    evaluate.fn(prepared.store_dir, TRAINED, NAME, prepared.data, EvalConfig(nms="hard"))
    assert shown == {
        f"kitti-ap-{NAME}": [
            {"class": "all", "ap": 0.3, "ap50": 0.6},
            {"class": "Car", "ap": 0.3, "ap50": 0.6},
            {"class": "Tram", "ap": None, "ap50": None},
        ]
    }
    assert moves == [f"kitti-evaluation-{NAME}", (0.25, "1 of 4 frames")]


def test_the_key_of_scores_knows_checkpoint_and_settings(prepared):
    key_of = evaluate.cache_policy.key_of
    keys = {key_of(TRAINED, NAME, prepared.data, EvalConfig(nms=nms)).digest for nms in ("hard", "soft")}
    assert len(keys) == 2


def test_the_run_is_shown_as_table_gallery_and_page(prepared, outputs, shown, tmp_path):
    config = prepared.config.model_copy(update={"runs_dir": tmp_path / "runs"})
    run = publish.fn(prepared.store_dir, outputs, config)
    assert run.path == tmp_path / "runs" / "prepared"
    assert (run.summary["best_step"], run.cached) == (2, False)
    assert f"`{run.path}`" in shown["kitti-run"]
    assert [row["ap"] for row in shown["kitti-ap-by-checkpoint"]] == [0.1, 0.5, 0.3]
    assert "data:image/jpeg" in shown["kitti-predictions"]
    assert shown["kitti-run"].startswith("# AP 0.500 at step 2")
    assert publish.fn(prepared.store_dir, outputs, config).cached


def test_the_report_is_written_once_and_shown_each_time(prepared, outputs, shown, tmp_path):
    config = prepared.config.model_copy(update={"runs_dir": tmp_path / "runs"})
    run = publish.fn(prepared.store_dir, outputs, config)
    page = report.fn(prepared.store_dir, run, prepared.dataset)
    assert page == run.path / "report" / "index.html"
    written = page.stat().st_mtime_ns
    assert f"`{page}`" in (first := shown.pop("kitti-report"))
    assert first.count("data:image/jpeg") == 3
    assert report.fn(prepared.store_dir, run, prepared.dataset) == page
    assert page.stat().st_mtime_ns == written
    assert shown["kitti-report"] == first
