"""Files and folders are whole or absent; names are free, digests of content alone, locks waited for."""

import errno
import itertools
import json
import os
import resource
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from kittidet.errors import StoreError
from kittidet.files import (
    check_room,
    digest_file,
    digest_files,
    digest_path,
    list_files,
    locked,
    next_free,
    numbered,
    read_json,
    read_sealed,
    remove_partials,
    whole_file,
    whole_folder,
    write_json,
    write_sealed,
    write_text_atomic,
)


class StoppedError(Exception):
    """Stands for whatever ends a writer early."""


def write_and_stop(path: Path) -> None:
    path.write_bytes(b"3")
    raise StoppedError


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "a.png"
    with whole_file(path) as partial:
        partial.write_bytes(b"12")
        assert not path.exists()
    assert path.read_bytes() == b"12"
    with pytest.raises(StoppedError), whole_file(path) as partial:
        write_and_stop(partial)
    assert path.read_bytes() == b"12"
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_a_folder_has_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "deep" / "run"
    with whole_folder(path) as partial:
        (partial / "a").write_text("1")
        assert not path.exists()
    assert (path / "a").read_text() == "1"
    with pytest.raises(StoppedError), whole_folder(tmp_path / "other") as partial:
        write_and_stop(partial / "a")
    assert [p.name for p in tmp_path.iterdir()] == ["deep"]


def test_a_folder_that_holds_something_is_replaced_only_when_asked(tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    with whole_folder(path) as partial:  # an empty folder is in nobody's way
        (partial / "a").write_text("1")
    with pytest.raises(OSError, match="not empty"), whole_folder(path) as partial:
        (partial / "a").write_text("2")
    assert (path / "a").read_text() == "1"
    with whole_folder(path, replace=True) as partial:
        (partial / "b").write_text("3")
    assert [p.name for p in path.iterdir()] == ["b"]
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize(("size", "fits"), [(0, True), (5000, True), (5001, False)])
def test_a_file_that_does_not_fit_is_said_as_the_system_says_it_and_leaves_nothing(tmp_path, size, fits):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
    try:
        with nullcontext() if fits else pytest.raises(OSError, match=os.strerror(errno.EFBIG)) as raised:
            check_room(tmp_path, size)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert fits or raised.value.filename == str(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_killed_writers_left_is_removed_by_name(tmp_path):
    (tmp_path / ".run.partial-123" / "inner").mkdir(parents=True)
    (tmp_path / ".a.png.partial-123").write_text("1")
    remove_partials(tmp_path, "run")
    assert [p.name for p in tmp_path.iterdir()] == [".a.png.partial-123"]
    remove_partials(tmp_path)
    assert not list(tmp_path.iterdir())


def test_json_is_read_as_it_was_written_and_damage_is_named(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"b": 1, "a": [1.5, None]})
    assert path.read_text() == '{\n "a": [\n  1.5,\n  null\n ],\n "b": 1\n}\n'
    assert read_json(path, error=StoreError, advice="Make it again.") == {"b": 1, "a": [1.5, None]}
    path.write_text("\ufeff[1]")
    assert read_json(path, error=StoreError, advice="") == [1]
    path.write_text("{")
    with pytest.raises(StoreError, match=r"a\.json: not valid JSON: .* Make it again\.") as caught:
        read_json(path, error=StoreError, advice="Make it again.")
    assert isinstance(caught.value.__cause__, json.JSONDecodeError)
    with pytest.raises(StoreError, match=r"b\.json: cannot read it: No such file or directory\. Make it again\."):
        read_json(tmp_path / "b.json", error=StoreError, advice="Make it again.")


def test_names_are_numbered_from_the_second_on(tmp_path):
    run = tmp_path / "run.v1"
    assert [p.name for p in itertools.islice(numbered(run), 3)] == ["run.v1", "run.v1-2", "run.v1-3"]
    assert next_free(run) == run
    for name in ("run.v1", "run.v1-2"):
        (tmp_path / name).mkdir()
    assert next_free(run).name == "run.v1-3"


def test_a_lock_is_waited_for_and_said_so_once(tmp_path, caplog):
    path, entered, leave = tmp_path / "lock", threading.Event(), threading.Event()

    def hold() -> None:
        with locked(path, waiting_for="the first"):
            entered.set()
            leave.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert entered.wait(10)
    threading.Timer(0.2, leave.set).start()
    with caplog.at_level("INFO"), locked(path, waiting_for="the first"):
        assert leave.is_set()
    holder.join()
    assert [r.getMessage() for r in caplog.records if "lock.wait" in r.getMessage()] == [
        "lock.wait for=the first another process has it"
    ]


def test_a_lock_file_that_is_not_kept_goes_and_still_lets_in_one_at_a_time(tmp_path):
    path, inside, most = tmp_path / "lock", [], []

    def enter() -> None:
        for _ in range(20):
            with locked(path, waiting_for="one", keep=False):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.001)
                inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 80
    assert list(tmp_path.iterdir()) == []


def test_the_files_of_a_folder_are_digested_by_name(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c").write_text("1")
    assert digest_files(tmp_path) == {"b/c": digest_file(tmp_path / "b" / "c")}


def test_files_are_listed_in_one_order(tmp_path):
    for name in ("b", "a/z", "a/b", "c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [p.relative_to(tmp_path).as_posix() for p in list_files(tmp_path)] == ["a/b", "a/z", "b", "c"]


def test_text_is_replaced_whole(tmp_path):
    target = tmp_path / "t.json"
    write_text_atomic(target, "one")
    write_text_atomic(target, json.dumps({"two": 2}))
    assert json.loads(target.read_text()) == {"two": 2}
    assert [p.name for p in tmp_path.iterdir()] == ["t.json"]


def test_a_file_digest_is_sha256(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert digest_file(tmp_path / "f") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_folder_digest_is_of_names_and_bytes_and_not_of_its_place(tmp_path):
    for name, text in (("one", "abc"), ("two", "abc"), ("three", "xyz")):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "f").write_text(text)
    one, two, three = (digest_path(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two != three
    (tmp_path / "two" / "deep" / "f").rename(tmp_path / "two" / "f")
    assert digest_path(tmp_path / "two") != one
    assert digest_path(tmp_path / "one" / "deep" / "f") == digest_file(tmp_path / "one" / "deep" / "f")
    with pytest.raises(FileNotFoundError):
        digest_path(tmp_path / "none")


SEALED_VALUES = {"b": [1, 2.5], "a": {"name": "Käfer"}}


class TestSealed:
    def test_what_was_written_is_read(self, tmp_path):
        write_sealed(tmp_path / "a.json", SEALED_VALUES)
        assert read_sealed(tmp_path / "a.json") == read_sealed(tmp_path / "a.json", exact=True) == SEALED_VALUES

    def test_no_changed_byte_is_read_as_what_was_written(self, tmp_path):
        path = tmp_path / "a.json"
        write_sealed(path, SEALED_VALUES)
        whole = path.read_bytes()
        for place in range(len(whole)):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            assert read_sealed(path, exact=True) is None
            assert read_sealed(path) in (None, SEALED_VALUES)

    @pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"3", b"{}", b'{"seal": 3}', b"\xff"])
    def test_what_is_none_is_none(self, tmp_path, content):
        if content is not None:
            (tmp_path / "a.json").write_bytes(content)
        assert read_sealed(tmp_path / "a.json") is None


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "\udcff"])
def test_a_file_that_is_no_json_is_named(tmp_path, text):
    file = tmp_path / "a.json"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(StoreError, match=r"a\.json: not valid JSON: .*Make it again"):
        read_json(file, error=StoreError, advice="Make it again.")
