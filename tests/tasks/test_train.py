"""tasks.train: one library call; each epoch moves the bar."""

from kittidet.config import TrainConfig
from kittidet.store import StepOutput, Store, step_key
from kittidet.training.history import EpochReport
from tasks import train as module
from tasks.train import fine_tune


def report(epoch: int) -> EpochReport:
    return EpochReport(epoch, 10 * epoch, 0.1, 1.0 / epoch, 0.1, 0.1, 0.0, 0.0, 3.0, 1.0)


def test_each_epoch_moves_the_bar_and_the_checkpoints_are_named(prepared, monkeypatch):
    moves, facts = [], {}

    class Bar:
        def __init__(self, key, description):
            moves.append(key)

        def update(self, share, description):
            moves.append((share, description))

    def step(store, records, model, recipe, *, on_epoch):
        assert records.digest == prepared.train_records.digest
        for epoch in (1, 2):
            on_epoch(report(epoch))
        checkpoints = [{"name": "step-00000020", "step": 20, "epoch": 2, "digest": "d"}]
        return StepOutput(step_key("train", 1), store.root, {"checkpoints": checkpoints}, cached=False)

    monkeypatch.setattr(module, "Progress", Bar)
    monkeypatch.setattr(module, "train_step", step)
    monkeypatch.setattr(module, "show_facts", lambda key, shown, description: facts.update(shown))
    result = fine_tune.fn(prepared.store_dir, prepared.train_records, prepared.config.model, TrainConfig(epochs=2))
    assert moves == [
        "kitti-training-progress",
        (0.5, "epoch 1 of 2, loss 1.0000"),
        (1.0, "epoch 2 of 2, loss 0.5000"),
        (1.0, "2 epochs done"),
    ]
    assert facts["checkpoints"] == ["step-00000020 (epoch 2)"]
    assert result.summary["checkpoints"][0]["name"] == "step-00000020"


def test_where_the_first_weights_lie_is_no_part_of_the_key_but_their_bytes_are(prepared, tmp_path):
    keys, store = [], Store(prepared.store_dir)
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
        recipe = TrainConfig(initial_weights=tmp_path / name)
        keys.append(
            fine_tune.cache_policy.key_of(store, prepared.train_records.output(store), prepared.config.model, recipe)
        )
    assert keys[0] == keys[1]
    assert keys[0] != keys[2]
