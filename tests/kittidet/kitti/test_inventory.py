"""Promises of digests: right after any change, remembered otherwise."""

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from kittidet.errors import DatasetContractError
from kittidet.kitti import inventory
from kittidet.kitti.inventory import digest_files


@pytest.fixture
def counted(monkeypatch):
    """Names of the files that are read."""
    read = []
    honest = inventory._digest

    def digest(path):
        read.append(Path(path).name)
        return honest(path)

    monkeypatch.setattr(inventory, "_digest", digest)
    return read


@pytest.fixture
def settled(monkeypatch):
    """A clock an hour ahead, for which every file has long been as it is."""
    now = time.time_ns
    monkeypatch.setattr(inventory.time, "time_ns", lambda: now() + 3600 * 10**9)


def test_no_files_have_no_digests(tmp_path):
    assert digest_files({}, stat_cache=tmp_path / "cache.json") == {}


def test_each_name_has_the_sha256_of_its_file(tmp_path):
    (tmp_path / "b").write_bytes(b"two")
    (tmp_path / "a").write_bytes(b"one")
    found = digest_files({"y": tmp_path / "b", "x": tmp_path / "a"}, stat_cache=None)
    assert list(found.items()) == [(n, hashlib.sha256(t).hexdigest()) for n, t in (("x", b"one"), ("y", b"two"))]


@pytest.mark.usefixtures("settled")
def test_unchanged_files_are_not_read_again(tmp_path, counted):
    files = {name: tmp_path / name for name in ("a", "b")}
    for path in files.values():
        path.write_text(path.name)
    first = digest_files(files, stat_cache=tmp_path / "cache" / "c.json")
    assert sorted(counted) == ["a", "b"]
    assert digest_files(files, stat_cache=tmp_path / "cache" / "c.json") == first
    assert len(counted) == 2


@pytest.mark.usefixtures("settled")
def test_a_changed_byte_is_seen_even_with_size_and_time_set_back(tmp_path, counted):
    path, cache = tmp_path / "a", tmp_path / "c.json"
    path.write_bytes(b"one")
    before = path.stat()
    digest_files({"a": path}, stat_cache=cache)
    path.write_bytes(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digest_files({"a": path}, stat_cache=cache) == {"a": hashlib.sha256(b"two").hexdigest()}


def test_a_file_that_just_changed_is_not_trusted(tmp_path, counted):
    path, cache = tmp_path / "a", tmp_path / "c.json"
    path.write_bytes(b"one")
    for _ in range(2):
        digest_files({"a": path}, stat_cache=cache)
    assert counted == ["a", "a"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', '{"a": []}', "null"])
def test_a_memory_that_does_not_read_is_made_anew(tmp_path, text):
    path, cache = tmp_path / "a", tmp_path / "c.json"
    path.write_bytes(b"one")
    cache.write_text(text)
    assert digest_files({"a": path}, stat_cache=cache) == {"a": hashlib.sha256(b"one").hexdigest()}


@pytest.mark.usefixtures("settled")
def test_two_trees_share_one_memory(tmp_path, counted):
    cache = tmp_path / "c.json"
    for name in ("a", "b", "a", "b"):
        (tmp_path / name).exists() or (tmp_path / name).write_text(name)
        digest_files({"x": tmp_path / name}, stat_cache=cache)
    assert counted == ["a", "b"]
    assert len(json.loads(cache.read_text())) == 2


def test_a_file_that_is_gone_is_named(tmp_path):
    with pytest.raises(DatasetContractError, match=r"gone: cannot read the file"):
        digest_files({"a": tmp_path / "gone"}, stat_cache=None)
