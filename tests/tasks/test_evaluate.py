"""tasks.evaluate: one checkpoint's scores as a table, classes by name."""

from kittidet.config import EvalConfig
from kittidet.store import StepOutput, step_key
from tasks import evaluate as module
from tasks.evaluate import evaluate
from tasks.step_result import StepResult

NAME = "step-00000020"
TRAINED = StepResult(
    step="train", digest="t", summary={"checkpoints": [{"name": NAME, "step": 20, "epoch": 2, "digest": "d"}]}
)


def test_the_table_has_all_classes_first_and_each_by_name(prepared, monkeypatch):
    tables: dict = {}
    metrics = {
        "ap": 0.3,
        "ap50": 0.6,
        "ap75": 0.2,
        "per_class_ap": {"Car": 0.3, "Tram": None},
        "per_class_ap50": {"Car": 0.6, "Tram": None},
    }

    def step(store, trained, name, val_records, dataset, split, config, *, progress):
        assert (trained.digest, name) == ("t", NAME)
        assert (val_records.digest, split.digest) == (prepared.val_records.digest, prepared.split.digest)
        assert (dataset.digest, config.nms) == (prepared.dataset.digest, "hard")
        progress(1, 3)
        return StepOutput(step_key("evaluate", 1), store.root, {"metrics": metrics, "epoch": 2}, cached=False)

    monkeypatch.setattr(module, "evaluate_step", step)
    monkeypatch.setattr(module, "show_table", lambda key, rows, description: tables.update({key: rows}))
    evaluate.fn(
        prepared.store_dir,
        TRAINED,
        NAME,
        prepared.val_records,
        prepared.dataset,
        prepared.split,
        EvalConfig(nms="hard"),
    )
    assert tables == {
        f"kitti-ap-{NAME}": [
            {"class": "all", "ap": 0.3, "ap50": 0.6},
            {"class": "Car", "ap": 0.3, "ap50": 0.6},
            {"class": "Tram", "ap": None, "ap50": None},
        ]
    }


def test_its_key_knows_checkpoint_and_settings(prepared):
    records = prepared.val_records
    keys = {
        evaluate.cache_policy.key_of(None, TRAINED, NAME, records, None, None, EvalConfig(nms=nms)).digest
        for nms in ("hard", "soft")
    }
    assert len(keys) == 2
