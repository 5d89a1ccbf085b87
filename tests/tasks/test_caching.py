"""tasks.caching: a record counts only while the output it lies in is whole."""

import json
import pickle
from pathlib import Path

import pytest

from kittidet.errors import ConfigError
from kittidet.object_store import ObjectStore
from kittidet.shared_outputs import commit_key
from kittidet.store import StepKey, StepOutput, Store, step_key
from tasks.caching import RECORD, StepCache, _with_records


def key_of(store: Store, dataset: StepOutput, size: int) -> StepKey:
    assert isinstance(store, Store)
    return step_key("split", 1, dataset=dataset.digest, size=size)


@pytest.fixture
def inputs(tmp_path: Path) -> dict:
    dataset = Store(tmp_path).get_or_make(step_key("fetch", 1), lambda _: {"content": "c"})
    return {"store_dir": tmp_path, "dataset": dataset, "size": 3}


def compute(inputs: dict, key_of=key_of) -> str | None:
    return StepCache(key_of=key_of).compute_key(None, inputs, {})


def make_output(inputs: dict) -> Path:
    store = Store(inputs["store_dir"])
    key = key_of(store, inputs["dataset"], inputs["size"])

    def make(folder: Path) -> dict:
        (folder / "train.txt").write_text("000001\n")
        return {}

    return store.path(store.get_or_make(key, make))


def write_record(folder: Path, serializer: str = "json", kind: str = "kittidet.store.StepOutput") -> Path:
    record = folder / RECORD
    result = json.dumps({"__class__": kind, "data": {}})
    record.write_text(json.dumps({"metadata": {"serializer": {"type": serializer}}, "result": result}))
    return record


def test_the_key_is_the_step_s_own_and_names_a_file_in_its_output(inputs):
    store = Store(inputs["store_dir"])
    expected = key_of(store, inputs["dataset"], 3)
    assert compute(inputs) == f"{expected.name}/{RECORD}"
    assert compute({**inputs, "size": 4}) != compute(inputs)


def test_where_the_store_lies_is_no_part_of_the_key(inputs, tmp_path):
    assert compute({**inputs, "store_dir": tmp_path / "elsewhere"}) == compute(inputs)


def test_the_record_of_a_whole_output_stays(inputs):
    record = write_record(make_output(inputs))
    compute(inputs)
    assert record.is_file()


@pytest.mark.parametrize("damage", ["changed", "missing", "no manifest"])
def test_the_record_of_a_damaged_output_goes(inputs, damage):
    folder = make_output(inputs)
    record = write_record(folder)
    victim = folder / ("_output.json" if damage == "no manifest" else "train.txt")
    victim.write_text("000002\n") if damage == "changed" else victim.unlink()
    compute(inputs)
    assert not record.exists()


def test_a_record_that_would_be_unpickled_goes(inputs):
    record = write_record(make_output(inputs), serializer="pickle")
    compute(inputs)
    assert not record.exists()


def test_a_record_of_an_earlier_version_of_this_project_goes(inputs):
    record = write_record(make_output(inputs), kind="tasks.step_result.StepResult")
    compute(inputs)
    assert not record.exists()


@pytest.mark.parametrize("content", [b"", b"[]", pickle.dumps({}), b'{"metadata": null}'])
def test_what_is_no_record_goes(inputs, content):
    record = make_output(inputs) / RECORD
    record.write_bytes(content)
    compute(inputs)
    assert not record.exists()


def test_a_step_that_cannot_be_keyed_runs_and_says_why_itself(inputs):
    def fail(store, dataset, size):
        raise ConfigError("source.path is not set")

    assert compute(inputs, fail) is None


def test_a_key_function_is_given_what_it_has_parameters_for(inputs):
    assert compute(inputs, lambda size: step_key("split", 1, size=size)) == compute(
        {**inputs, "dataset": None}, lambda size: step_key("split", 1, size=size)
    )


def test_a_step_may_ask_to_run_whatever_is_there(inputs):
    assert compute(inputs, lambda store, dataset, size: None) is None


def test_a_policy_without_its_function_is_a_mistake():
    with pytest.raises(ValueError, match="key_of"):
        StepCache().compute_key(None, {"store_dir": "."}, {})


def test_records_are_json_in_the_store(tmp_path):
    from tasks.steps import split

    stored = _with_records(split, tmp_path)
    assert stored.result_serializer == "json"
    assert stored.result_storage == tmp_path
    assert stored.cache_policy is split.cache_policy


def test_the_record_of_an_output_that_others_cannot_have_goes(bucket):
    dataset = Store(bucket).get_or_make(step_key("fetch", 1), lambda _: {"content": "c"})
    inputs = {"store_dir": bucket, "dataset": dataset, "size": 3}
    record = write_record(make_output(inputs))
    assert compute(inputs) == f"{record.parent.name}/{RECORD}"
    assert record.exists()
    ObjectStore(bucket).remove(commit_key(record.parent.name))
    compute(inputs)
    assert not record.exists()
    assert record.parent.is_dir()


def test_records_of_a_store_on_a_url_are_in_its_folder_here(bucket):
    from tasks.steps import split

    assert _with_records(split, bucket).result_storage == Store(bucket).root
