"""tasks.records: a side's shards, with its classes and first frames to look at."""

from kittidet.store import Store
from tasks import records as module
from tasks.records import write_records


def test_its_key_is_the_step_s_for_each_side(prepared):
    store = Store(prepared.store_dir)
    for side, result in (("train", prepared.train_records), ("val", prepared.val_records)):
        key = write_records.cache_policy.key_of(
            store, prepared.dataset.output(store), prepared.split.output(store), side, prepared.config.records
        )
        assert key.digest == result.digest
        assert result.summary["split"] == side


def test_every_class_of_the_table_is_counted_and_the_labels_are_drawn(prepared, monkeypatch):
    shown: dict = {}
    for name in ("show_table", "show_text", "show_facts"):
        monkeypatch.setattr(module, name, lambda key, value, description: shown.update({key: value}))
    write_records.fn(prepared.store_dir, prepared.dataset, prepared.split, "val", prepared.config.records)
    rows = shown["kitti-classes-val"]
    assert [row["class"] for row in rows] == prepared.val_records.summary["classes"]
    assert sum(row["objects"] for row in rows) == prepared.val_records.summary["objects"] > 0
    assert "data:image/jpeg" in shown["kitti-labels-val"]
