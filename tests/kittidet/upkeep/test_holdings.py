"""kittidet.upkeep.holdings: everything that takes room is seen, with its size, age, pin and lock."""

import json
import time

import pytest
from filelock import FileLock

from kittidet.errors import StoreError
from kittidet.store import MANIFEST
from kittidet.upkeep.holdings import bytes_of, held_locks, is_locked, list_holdings, pin, unpin

LEFT_OVERS = ["train-0123456789abcdef.partial", ".inventory.json.partial-0123456789ab"]


@pytest.fixture
def store(kept_store, tmp_path):
    return tmp_path / "store"


def by_name(store):
    return {holding.name: holding for holding in list_holdings(store)}


def test_a_store_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"nowhere: cannot read the store.*--store"):
        list_holdings(tmp_path / "nowhere")


def test_every_output_and_left_over_is_seen_and_nothing_else(store, kept_store):
    assert set(by_name(store)) == {*kept_store.values(), *LEFT_OVERS}


def test_size_and_age_are_those_of_all_its_files(store, kept_store):
    holding = by_name(store)[kept_store["free records"]]
    assert holding.bytes == 900 + (holding.path / MANIFEST).stat().st_size == bytes_of(holding.path)
    assert 2.9 < (time.time() - holding.changed) / 86_400 < 3.1
    assert (holding.step, holding.is_output, holding.summary["records_digest"]) == ("records-train", True, "8" * 64)


def test_a_left_over_knows_which_output_it_was_to_become(store):
    step, inventory = (by_name(store)[name] for name in LEFT_OVERS)
    assert (step.output, step.is_output, step.bytes) == ("train-0123456789abcdef", False, 300)
    assert (inventory.output, inventory.is_output, inventory.bytes) == ("", False, 20)


def test_links_are_not_followed(store, kept_store, tmp_path):
    (tmp_path / "large.bin").write_bytes(bytes(10_000))
    before = by_name(store)[kept_store["split"]].bytes
    (store / kept_store["split"] / "link").symlink_to(tmp_path / "large.bin")
    assert by_name(store)[kept_store["split"]].bytes - before < 1000


@pytest.mark.parametrize("text", ["{", "[]", '{"summary": 3}', "[" * 100_000])
def test_an_output_without_a_readable_manifest_is_still_seen(store, kept_store, text):
    (store / kept_store["split"] / MANIFEST).write_text(text)
    holding = by_name(store)[kept_store["split"]]
    assert (holding.step, holding.digest, holding.summary) == ("split", "", {})


def test_a_lock_is_held_by_a_process_not_by_its_file(store, kept_store):
    name = kept_store["training"]
    assert (store / f".{name}.lock").is_file()
    assert held_locks(store) == []
    with FileLock(store / f".{name}.lock"):
        assert is_locked(store, name)
        assert held_locks(store) == [name]
        assert [holding.name for holding in list_holdings(store) if holding.is_locked] == [name]
    assert not is_locked(store, name)


def test_a_pin_stays_until_it_is_taken_away(store, kept_store):
    name = kept_store["free split"]
    pin(store, name, "for the paper")
    assert {h.name: h.pin for h in list_holdings(store) if h.pin is not None} == {name: "for the paper"}
    unpin(store, name)
    assert by_name(store)[name].pin is None
    with pytest.raises(StoreError, match="not pinned"):
        unpin(store, name)


@pytest.mark.parametrize("name", ["split-0000000000000000", "../store", "archives", "", "split"])
def test_only_an_output_that_is_there_can_be_pinned(store, name):
    with pytest.raises(StoreError, match="no such step output"):
        pin(store, name, "x")


def test_a_manifest_is_what_the_store_wrote(store, kept_store):
    manifest = json.loads((store / kept_store["data"] / MANIFEST).read_text())
    assert by_name(store)[kept_store["data"]].digest == manifest["digest"]
