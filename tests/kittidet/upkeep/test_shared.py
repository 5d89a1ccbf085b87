"""kittidet.upkeep.shared: of an object store goes what no run of any machine, no champion and no pin needs."""

import platform
import shutil
import time
from pathlib import Path

import pytest
from fixtures.kept_store import make_output

from kittidet.errors import StoreError
from kittidet.object_store import ObjectStore
from kittidet.registry.register import register
from kittidet.registry.registry import Registry
from kittidet.runs.note import RUNS, RunNote, note_run
from kittidet.shared_outputs import commit_key
from kittidet.store import Store
from kittidet.upkeep import shared


@pytest.fixture
def outputs(bucket, published) -> dict[str, str]:
    """Names of the outputs of a store by what they are; run "one" is of this machine, "far" of another."""
    store, objects = Store(bucket), ObjectStore(bucket)
    keys = {
        "of one": make_output(store, "records-train", 900, records_digest="1" * 64),
        "of far": make_output(store, "records-val", 800, records_digest="5" * 64),
        "of the champion": make_output(store, "fetch", 700, content="d" * 64),
        "pinned": make_output(store, "split", 600, digest="3" * 64),
        "free": make_output(store, "evaluate", 500, digest="4" * 64),
        # Its file is that of the free one.
        "same file": make_output(store, "train", 500, checkpoints=[]),
    }
    run = published("one")
    note_run(objects, run, "d1", [keys["of one"].digest, keys["same file"].digest])
    far = RunNote(digest="d2", machine="far", path=Path("/no/such/run"), outputs=(keys["of far"].digest,))
    objects.create(f"{RUNS}/d2.json", far.model_dump_json().encode())
    registry = Registry(bucket)
    version = register(registry, run, model="m")
    registry.promote("m", version.version, reason="first")
    shared.pin(bucket, keys["pinned"].name, "for the paper")
    return {name: key.name for name, key in keys.items()}


def free(url: str, **more) -> list[str]:
    return [holding.name for holding in shared.free_holdings(url, (), older_than_s=more.get("older_than_s", -60))]


def test_the_list_has_every_output_with_size_pin_and_facts(bucket, outputs):
    found = {holding.name: holding for holding in shared.list_holdings(bucket)}
    assert set(found) == set(outputs.values())
    assert found[outputs["pinned"]].pin == "for the paper"
    assert found[outputs["free"]].pin is None
    one = found[outputs["of one"]]
    assert (one.step, one.bytes, one.summary["records_digest"]) == ("records-train", 900, "1" * 64)
    assert abs(one.changed - time.time()) < 300


def test_sizes_count_each_object_once(bucket, outputs):
    found = shared.sizes(bucket)
    assert found["objects/"] == 900 + 800 + 700 + 600 + 500
    assert {"outputs/", "registry/", "runs/", "pins/"} <= set(found)


def test_only_what_nothing_needs_is_free_and_nothing_that_is_young(bucket, outputs):
    assert free(bucket) == [outputs["free"]]
    assert free(bucket, older_than_s=86_400) == []


def test_removing_takes_the_commit_and_the_objects_that_no_other_output_has(bucket, outputs, on_machine):
    on_machine("second")
    removed = shared.remove_holdings(bucket, shared.free_holdings(bucket, (), older_than_s=-60))
    assert [holding.name for holding in removed] == [outputs["free"]]
    assert not ObjectStore(bucket).has(commit_key(outputs["free"]))
    assert shared.sizes(bucket)["objects/"] == 900 + 800 + 700 + 600 + 500
    for name in set(outputs) - {"free"}:
        assert ObjectStore(bucket).has(commit_key(outputs[name]))
    shared.unpin(bucket, outputs["pinned"])
    shared.remove_holdings(bucket, shared.free_holdings(bucket, (), older_than_s=-60))
    assert shared.sizes(bucket)["objects/"] == 900 + 800 + 700 + 500
    assert not ObjectStore(bucket).has(commit_key(outputs["pinned"]))


def test_what_is_pinned_meanwhile_stays(bucket, outputs):
    found = shared.free_holdings(bucket, (), older_than_s=-60)
    shared.pin(bucket, outputs["free"], "wait")
    assert shared.remove_holdings(bucket, found) == []
    assert ObjectStore(bucket).has(commit_key(outputs["free"]))


def test_a_run_of_this_machine_that_is_gone_keeps_nothing_one_of_another_machine_does(bucket, outputs, tmp_path):
    shutil.rmtree(tmp_path / "runs" / "one")
    assert set(free(bucket)) == {outputs["of one"], outputs["same file"], outputs["free"]}
    shared.remove_holdings(bucket, shared.free_holdings(bucket, (), older_than_s=-60))
    assert ObjectStore(bucket).names(RUNS) == ["d2.json"]


def test_objects_of_no_output_count_once_they_are_a_day_old(bucket, outputs, monkeypatch):
    ObjectStore(bucket).write(f"objects/{'e' * 64}", bytes(50))
    assert shared.ORPHANS not in {holding.name for holding in shared.list_holdings(bucket)}
    monkeypatch.setattr(shared, "_SENT_WITHIN_S", -60)
    (orphans,) = (holding for holding in shared.list_holdings(bucket) if holding.name == shared.ORPHANS)
    assert (orphans.bytes, orphans.is_output) == (50, False)
    shared.remove_holdings(bucket, [orphans])
    assert shared.sizes(bucket)["objects/"] == 900 + 800 + 700 + 600 + 500


def test_what_cannot_be_read_lets_nothing_go(bucket, outputs):
    ObjectStore(bucket).write(f"{RUNS}/d3.json", b"?")
    with pytest.raises(StoreError, match=r"d3\.json: not the note of a run"):
        free(bucket)


def test_what_is_not_there_cannot_be_pinned_or_unpinned(bucket, outputs):
    with pytest.raises(StoreError, match="no such step output"):
        shared.pin(bucket, "split-0123456789abcdef", "x")
    with pytest.raises(StoreError, match="is not pinned"):
        shared.unpin(bucket, outputs["free"])


def test_the_keeper_of_each_is_named(bucket, outputs):
    from kittidet.upkeep.needs import runs_that_need

    holdings, needs = shared.list_holdings(bucket), shared.needs(bucket)
    keepers = {holding.name: runs_that_need(holding, needs, holdings) for holding in holdings}
    assert keepers[outputs["of one"]] == [f"one on {platform.node()}"]
    assert keepers[outputs["of far"]] == ["run on far"]
    assert keepers[outputs["of the champion"]] == ["champion m 1"]
    assert keepers[outputs["free"]] == []
