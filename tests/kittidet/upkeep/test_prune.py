"""kittidet.upkeep.prune: what nothing needs goes, whole; what a run, a pin or a process needs never does."""

import shutil

import pytest
from filelock import FileLock
from fixtures.kept_store import age, make_output

from kittidet.errors import StoreError
from kittidet.store import Store
from kittidet.upkeep.holdings import list_holdings, pin
from kittidet.upkeep.prune import DAY_S, free_holdings, remove_holdings

LEFT_OVERS = {"train-0123456789abcdef.partial", ".inventory.json.partial-0123456789ab"}


@pytest.fixture
def store(kept_store, tmp_path):
    return tmp_path / "store"


@pytest.fixture
def free(store, tmp_path):
    """Return a function: days -> the names of what is free."""
    return lambda days=1.0: {h.name for h in free_holdings(store, [tmp_path / "runs"], older_than_s=days * DAY_S)}


def test_what_no_run_needs_is_free_the_largest_first(store, kept_store, free, tmp_path):
    assert free() == {kept_store["free records"], kept_store["free split"], *LEFT_OVERS}
    sizes = [h.bytes for h in free_holdings(store, [tmp_path / "runs"], older_than_s=0)]
    assert sizes == sorted(sizes, reverse=True)


def test_a_pin_keeps(store, kept_store, free):
    pin(store, kept_store["free records"], "for the paper")
    assert free() == {kept_store["free split"], *LEFT_OVERS}


def test_the_young_are_left_alone(store, kept_store, free):
    age(store / kept_store["free records"], days=0.5)
    assert kept_store["free records"] not in free()
    assert kept_store["free records"] in free(0.1)
    assert free(4) == set()


def test_a_run_that_was_deleted_frees_what_only_it_needed(kept_store, free, tmp_path):
    shutil.rmtree(tmp_path / "runs" / "old")
    assert free() == {*(name for what, name in kept_store.items() if what != "new"), *LEFT_OVERS}


def test_nothing_is_free_while_a_process_makes_an_output(store, kept_store, free):
    with FileLock(store / f".{kept_store['training']}.lock"), pytest.raises(StoreError, match="is being made now"):
        free()


def test_what_is_removed_is_gone_and_all_else_is_whole(store, kept_store, tmp_path):
    found = free_holdings(store, [tmp_path / "runs"], older_than_s=DAY_S)
    before = {h.name: h.bytes for h in list_holdings(store)}
    removed = remove_holdings(found)
    assert {h.name for h in removed} == {h.name for h in found}
    left = {h.name: h.bytes for h in list_holdings(store)}
    assert left == {name: size for name, size in before.items() if name not in {h.name for h in found}}
    assert all(problems == [] for _, problems in Store(store).examine())
    assert (store / "archives" / "a.zip").is_file()


def test_what_a_process_began_to_make_meanwhile_is_passed_over(store, kept_store, tmp_path):
    found = free_holdings(store, [tmp_path / "runs"], older_than_s=DAY_S)
    with FileLock(store / f".{kept_store['free records']}.lock"):
        removed = remove_holdings(found)
    assert {h.name for h in found} - {h.name for h in removed} == {kept_store["free records"]}
    assert (store / kept_store["free records"]).is_dir()


def test_what_somebody_else_removed_is_passed_over(store, kept_store, tmp_path):
    found = free_holdings(store, [tmp_path / "runs"], older_than_s=DAY_S)
    shutil.rmtree(store / kept_store["free split"])
    assert kept_store["free split"] not in {h.name for h in remove_holdings(found)}


def test_a_removal_that_was_killed_is_finished_by_the_next(store, kept_store, free, tmp_path):
    half = store / ".pruned-0123456789ab"
    (store / kept_store["free records"]).rename(half)
    assert half.name in free()
    remove_holdings(free_holdings(store, [tmp_path / "runs"], older_than_s=DAY_S))
    assert not half.exists()


def test_records_that_stay_keep_the_data_set_whose_images_they_refer_to(tmp_path):
    store = Store(tmp_path / "store")
    data, other = (make_output(store, "fetch", 100, content=letter * 64) for letter in "ab")
    records = make_output(store, "records-train", 10, images_of="a" * 64)
    (tmp_path / "runs").mkdir()
    age(store.root, days=3)
    assert {h.name for h in free_holdings(store.root, [tmp_path / "runs"], older_than_s=DAY_S)} == {
        *(key.name for key in (data, other, records))
    }
    pin(store.root, records.name, "for the paper")
    assert [h.name for h in free_holdings(store.root, [tmp_path / "runs"], older_than_s=DAY_S)] == [other.name]
