"""tasks.split: one library call."""

from kittidet.steps.split import split_ids
from kittidet.store import Store
from tasks.split import split


def test_it_splits_the_accepted_frames(prepared):
    output = prepared.split.output(Store(prepared.store_dir))
    assert len(split_ids(output, "train")) + len(split_ids(output, "val")) == 10


def test_its_key_is_the_step_s(prepared):
    store = Store(prepared.store_dir)
    key = split.cache_policy.key_of(
        store, prepared.dataset.output(store), prepared.validation.output(store), prepared.config.split
    )
    assert key.digest == prepared.split.digest


def test_the_run_s_name_says_the_method(prepared):
    assert split.task_run_name.format(config=prepared.config.split) == "split by random80"
