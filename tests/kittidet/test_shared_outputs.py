"""kittidet.shared_outputs: sent once, taken whole, damage found and mended, the first of two wins."""

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from kittidet.errors import StoreServerError
from kittidet.files import canonical_json, digest_of
from kittidet.object_store import ObjectStore
from kittidet.shared_outputs import NOTE, commit_key, read_commit
from kittidet.store import MANIFEST, Store, step_key

KEY = step_key("demo", 1, data="x")
LARGE = 200 * 1024


def make_files(folder: Path) -> dict:
    (folder / "a.txt").write_text("alpha")
    (folder / "deep").mkdir()
    (folder / "deep" / "large.bin").write_bytes(bytes(LARGE))
    (folder / "empty").touch()
    return {"n": 3, "pair": (1, 2)}


def never(_folder: Path) -> dict:
    pytest.fail("made again")


def content_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def objects_of(url: str) -> dict[str, str]:
    """Return the keys of the objects of the one output in a store, by file name."""
    ((_, _, _, manifest),) = Store(url).shared.commits()
    return {name: f"objects/{facts['sha256']}" for name, facts in manifest["files"].items()}


@pytest.fixture
def made(bucket, on_machine) -> Store:
    """The store of the machine "first", which has made an output; this process is on "second" afterwards."""
    on_machine("first")
    store = Store(bucket)
    assert not store.get_or_make(KEY, make_files).cached
    on_machine("second")
    return store


def test_a_second_machine_takes_what_the_first_has_made_to_the_byte(made, bucket):
    second = Store(bucket)
    assert second.root != made.root
    output = second.get_or_make(KEY, never)
    assert output.cached
    assert output.summary == {"n": 3, "pair": [1, 2]}
    assert content_of(second.path(KEY)) == content_of(made.path(KEY))
    assert second.problems(KEY, thorough=True) == []
    # By size and time, too, so that large files are not hashed at each look.
    large = [store.path(KEY) / "deep" / "large.bin" for store in (made, second)]
    assert large[0].stat().st_mtime_ns == large[1].stat().st_mtime_ns


def test_each_door_of_the_store_fetches_what_is_not_here(made, bucket, on_machine):
    on_machine("third")
    assert Store(bucket).read(KEY, "a.txt").read_text() == "alpha"
    on_machine("fourth")
    assert Store(bucket).load(KEY).summary["n"] == 3
    on_machine("fifth")
    Store(bucket).bring(KEY)
    assert (Store(bucket).path(KEY) / "a.txt").is_file()
    assert Store(bucket).load(step_key("demo", 1, data="other")) is None


def test_what_is_here_is_not_fetched_and_costs_one_question(made, bucket, on_machine, line):
    on_machine("first")
    Store(bucket).get_or_make(KEY, never)
    line.requests.clear()
    assert Store(bucket).get_or_make(KEY, never).cached
    assert [method for method, _, _ in line.requests] == ["HEAD"]
    line.requests.clear()
    Store(bucket).read(KEY)
    assert line.requests == []


def test_a_large_file_is_sent_once_whatever_outputs_it_is_in(made, bucket, line):
    def make_another(folder: Path) -> dict:
        (folder / "same.bin").write_bytes(bytes(LARGE))
        (folder / "again.bin").write_bytes(bytes(LARGE))
        (folder / "new.bin").write_bytes(bytes([1]) * LARGE)
        return {}

    Store(bucket).get_or_make(step_key("other", 1), make_another)
    assert sum(size for method, _, size in line.requests if method == "PUT" and size >= LARGE) == LARGE


@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
@pytest.mark.parametrize("name", ["a.txt", "deep/large.bin"])
def test_a_damaged_object_is_refused_and_the_output_made_again_for_all(made, bucket, on_machine, name, damage, caplog):
    key = objects_of(bucket)[name]
    content = ObjectStore(bucket).read(key)
    if damage == "gone":
        ObjectStore(bucket).remove(key)
    else:
        ObjectStore(bucket).write(key, content[:-1] if damage == "cut" else bytes([content[0] ^ 1]) + content[1:])
    assert not Store(bucket).get_or_make(KEY, make_files).cached
    assert f"damaged: {bucket}/{key}" in caplog.text
    assert ObjectStore(bucket).read(key) == content
    on_machine("third")
    assert Store(bucket).get_or_make(KEY, never).cached


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b"null", b"\xff", b'{"manifest": {"files": 3}}'])
def test_a_damaged_commit_is_refused_and_the_output_made_again(made, bucket, on_machine, damage):
    ObjectStore(bucket).write(commit_key(KEY.name), damage)
    assert not Store(bucket).get_or_make(KEY, make_files).cached
    on_machine("third")
    assert Store(bucket).get_or_make(KEY, never).cached


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../b", "", "a\0b"])
def test_a_commit_that_names_a_file_outside_of_its_output_is_refused(name):
    facts = {"size": 1, "mtime_ns": 1, "sha256": "0" * 64}

    def commit(name: str) -> bytes:
        manifest = {"step": "demo", "digest": KEY.digest, "summary": {}, "files": {name: facts}}
        values = {"writer": "w", "manifest": manifest}
        return canonical_json({**values, "seal": digest_of(values)}).encode()

    assert read_commit(commit("inside")) is not None
    assert read_commit(commit(name)) is None


def test_an_output_for_another_key_is_refused(made, bucket):
    other = step_key("demo", 1, data="y")
    ObjectStore(bucket).write(commit_key(other.name), ObjectStore(bucket).read(commit_key(KEY.name)))
    assert Store(bucket).load(other) is None
    assert not Store(bucket).get_or_make(other, make_files).cached


def test_of_two_that_made_the_same_key_the_first_commit_wins_and_both_end_with_it(bucket, on_machine):
    def make_while_another_does(folder: Path) -> dict:
        on_machine("fast")
        Store(bucket).get_or_make(KEY, lambda inner: (inner / "who").write_text("fast") and {"who": "fast"})
        (folder / "who").write_text("slow")
        return {"who": "slow"}

    on_machine("slow")
    store = Store(bucket)
    output = store.get_or_make(KEY, make_while_another_does)
    assert (output.summary, output.cached) == ({"who": "fast"}, True)
    assert (store.path(KEY) / "who").read_text() == "fast"
    assert store.problems(KEY, thorough=True) == []


def test_a_commit_whose_reply_was_lost_is_known_as_ones_own(bucket, line):
    line.matching = ("PUT",)
    Store(bucket).shared.objects.probe()
    line.lost = ["reply"] * 1
    assert not Store(bucket).get_or_make(step_key("one", 1), lambda _folder: {}).cached
    puts = [path for method, path, _ in line.requests if method == "PUT" and "/outputs/" in path]
    assert len(puts) == 2  # asked again
    assert Store(bucket).get_or_make(step_key("one", 1), never).cached


def test_what_could_not_be_shared_is_kept_and_shared_the_next_time(bucket, monkeypatch):
    def cannot(_self, _folder, _manifest):
        raise StoreServerError("away")

    with monkeypatch.context() as patch:
        patch.setattr("kittidet.shared_outputs.SharedOutputs.share", cannot)
        with pytest.raises(StoreServerError):
            Store(bucket).get_or_make(KEY, make_files)
    store = Store(bucket)
    assert not store.shared.holds(KEY.name)
    assert store.get_or_make(KEY, never).cached
    assert store.shared.holds(KEY.name)
    assert (store.path(KEY) / NOTE).is_file()


def test_what_was_removed_from_the_object_store_is_shared_again_by_who_has_it(made, bucket, on_machine):
    ObjectStore(bucket).remove(commit_key(KEY.name))
    on_machine("first")
    Store(bucket).get_or_make(KEY, never)
    on_machine("third")
    Store(bucket).get_or_make(KEY, never)


def test_local_damage_is_mended_from_the_object_store(made, bucket, on_machine):
    on_machine("first")
    (made.path(KEY) / "a.txt").write_text("alphA")
    assert Store(bucket).get_or_make(KEY, never).cached
    assert (made.path(KEY) / "a.txt").read_text() == "alpha"


def _fetch(url: str) -> None:
    Store(url).load(KEY)


def test_a_fetch_that_was_killed_goes_on_with_the_files_it_had(made, bucket, line):
    # One object never comes: the process is killed while it asks for it again and again.
    large = objects_of(bucket)["deep/large.bin"]
    line.where, line.lost = large, ["request"] * 1000
    process = multiprocessing.get_context("spawn").Process(target=_fetch, args=(bucket,))
    process.start()
    store = Store(bucket)
    partial = store.path(KEY).with_name(f".{KEY.name}.partial-{KEY.digest[:12]}")
    deadline = time.monotonic() + 60
    while not partial.is_dir():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert not store.path(KEY).exists()
    # One file of it is there, another is half there.
    (partial / "deep").mkdir(exist_ok=True)
    (partial / "deep" / "large.bin").write_bytes(bytes(LARGE))
    (partial / "a.txt").write_text("al")
    line.lost.clear()
    line.requests.clear()
    store.load(KEY)
    assert not [path for _, path, _ in line.requests if large in path]
    assert store.problems(KEY, thorough=True) == []
    assert not partial.exists()


def test_a_manifest_here_is_the_one_that_was_sent(made, bucket):
    Store(bucket).load(KEY)
    assert (Store(bucket).path(KEY) / MANIFEST).read_bytes() == (made.path(KEY) / MANIFEST).read_bytes()
    assert json.loads((made.path(KEY) / MANIFEST).read_text())["step"] == "demo"


def test_outputs_are_listed_with_size_time_and_manifest(made, bucket):
    ObjectStore(bucket).write("outputs/broken-0123456789abcdef.json", b"?")
    broken, demo = Store(bucket).shared.commits()
    assert broken[0::3] == ("broken-0123456789abcdef", None)
    assert (demo[0], demo[1]) == (KEY.name, LARGE + 5)
    assert abs(demo[2] - time.time()) < 300
