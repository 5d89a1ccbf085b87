"""kittidet.steps.train: keyed by records, model, recipe and the bytes it starts from."""

from pathlib import Path

import pytest
from fixtures.damage import flip_a_bit

from kittidet.config import EvalConfig, ModelConfig, TrainConfig
from kittidet.errors import ConfigError, DamagedOutputError, EvaluationError
from kittidet.steps.outputs import DataOutputs
from kittidet.steps.train import checkpoint_path, train_key, validation_set
from kittidet.store import SMALL_BYTES, StepOutput, Store, step_key


def some_data(train: str, val: str) -> DataOutputs:
    def output(digest: str = "") -> StepOutput:
        return StepOutput(step="records", digest="", summary={"records_digest": digest})

    return DataOutputs(
        dataset=output(), validation=output(), split=output(), train_records=output(train), val_records=output(val)
    )


def key(*, train: str = "r", val: str = "v", model: dict | None = None, recipe: dict | None = None) -> str:
    return train_key(some_data(train, val), ModelConfig(**(model or {})), TrainConfig(**(recipe or {}))).digest


@pytest.mark.parametrize(
    "change",
    [
        {"train": "other"},
        {"val": "other"},
        {"model": {"variant": "d1"}},
        {"model": {"anchor_scale": 3}},
        {"recipe": {"epochs": 1}},
        {"recipe": {"augment": {"flip": False}}},
        {"recipe": {"seed": 1}},
    ],
)
def test_every_input_is_part_of_the_key(change):
    assert key(**change) != key()


def test_how_many_of_the_newest_are_kept_may_change_while_it_runs():
    assert key(recipe={"keep_checkpoints": 9}) == key()


def test_the_validation_set_counts_only_where_training_scores_on_it():
    never = {"evaluate_every_epochs": 0}
    assert key(val="other", recipe=never) == key(recipe=never) != key()


def test_weights_to_start_from_count_by_their_bytes_not_their_place(tmp_path):
    for name, content in (("a", "one"), ("b", "one"), ("c", "two")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.weights.h5").write_text(content)
    a, b, c = (key(recipe={"initial_weights": tmp_path / name}) for name in "abc")
    assert a == b
    assert len({a, c, key()}) == 3


def test_named_weights_have_keys_of_their_own():
    names = [None, "coco", "starter"]
    assert len({key(recipe={"initial_weights": name}) for name in names}) == len(names)


def test_a_single_file_of_weights_counts_too(tmp_path):
    (tmp_path / "w.h5").write_text("one")
    first = key(recipe={"initial_weights": tmp_path / "w.h5"})
    (tmp_path / "w.h5").write_text("two")
    assert key(recipe={"initial_weights": tmp_path / "w.h5"}) != first


def test_absent_weights_are_named_before_anything_runs(tmp_path):
    with pytest.raises(ConfigError, match=r"none.*train\.initial_weights"):
        key(recipe={"initial_weights": tmp_path / "none"})


def test_a_validation_set_without_objects_is_refused_before_training(tmp_path):
    data = some_data("r", "v")
    records = data.val_records.model_copy(update={"summary": {"objects": 0, "frames": 7, "classes": ["Car", "Van"]}})
    with pytest.raises(EvaluationError, match="the 7 validation frames hold no object of the classes Car, Van"):
        validation_set(Store(tmp_path), data.model_copy(update={"val_records": records}), EvalConfig(), tmp_path)


def test_a_checkpoint_lies_in_its_trainings_output_and_is_as_that_left_it(tmp_path):
    store = Store(tmp_path)

    def make(folder: Path) -> dict:
        (folder / "checkpoints" / "step-00000005").mkdir(parents=True)
        (folder / "checkpoints" / "step-00000005" / "model.weights.h5").write_bytes(bytes(SMALL_BYTES + 1))
        return {}

    output = store.get_or_make(step_key("train", 1), make)
    expected = store.path(output) / "checkpoints" / "step-00000005"
    assert checkpoint_path(store, output, "step-00000005") == expected
    flip_a_bit(expected / "model.weights.h5")
    with pytest.raises(DamagedOutputError, match=r"model\.weights\.h5: changed"):
        checkpoint_path(store, output, "step-00000005")
