"""kittidet.object_store: put if absent, whatever the line does; refused where that is not kept."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from fixtures.web_server import free_port

from kittidet import object_store
from kittidet.errors import StoreError, StoreServerError
from kittidet.object_store import ObjectStore


@pytest.fixture
def objects(bucket) -> ObjectStore:
    return ObjectStore(bucket)


def test_an_object_is_read_as_it_was_written_and_never_written_over_by_create(objects):
    assert objects.create("a/b.json", b"first")
    assert not objects.create("a/b.json", b"second")
    assert objects.read("a/b.json") == objects.find("a/b.json") == b"first"
    assert objects.has("a/b.json")
    assert objects.size("a/b.json") == 5
    objects.write("a/b.json", b"third")
    assert objects.read("a/b.json") == b"third"


def test_what_is_not_there_is_none_and_reading_it_names_it(objects):
    assert objects.find("a") is None
    assert objects.size("a") is None
    assert not objects.has("a")
    objects.remove("a")
    with pytest.raises(StoreError, match=r"s3://bucket-.*/store/a: no such object"):
        objects.read("a")


def test_of_eight_writers_at_once_one_wins(objects):
    contents = [f"{k}".encode() * 1000 for k in range(8)]
    for number in range(5):
        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(lambda content, number=number: objects.create(f"race/{number}", content), contents))
        assert sum(won) == 1
        assert objects.read(f"race/{number}") == contents[won.index(True)]


def test_names_and_facts_are_listed_below_the_url_alone(objects, bucket):
    for key in ("m/a/1", "m/b", "m/a/2", "other"):
        objects.create(key, b"12")
    ObjectStore(f"{bucket}-beside").create("m/c", b"")
    assert objects.names("m") == ["a", "b"]
    assert objects.names("m/a") == ["1", "2"]
    assert objects.names("none") == []
    found = list(objects.list("m"))
    assert sorted(facts.key for facts in found) == ["m/a/1", "m/a/2", "m/b"]
    assert {facts.bytes for facts in found} == {2}
    assert all(abs(datetime.now(UTC) - facts.written) < timedelta(minutes=5) for facts in found)
    objects.remove("m/b")
    assert objects.names("m") == ["a"]


def test_a_large_object_goes_and_comes_in_parts_and_its_digest_is_told(objects, tmp_path, monkeypatch):
    monkeypatch.setattr(object_store, "PART_BYTES", 5 * 2**20)
    source, target = tmp_path / "source", tmp_path / "target"
    content = bytes(range(256)) * 2**16  # 16 MiB: three whole parts and one more
    source.write_bytes(content)
    objects.write("large", source)
    from kittidet.files import digest_file

    assert objects.fetch("large", target, len(content)) == digest_file(source)
    assert target.read_bytes() == content
    assert objects.fetch("large", target, len(content) + 1) is None
    objects.write("large", b"")
    assert objects.fetch("large", target, len(content)) is None
    assert objects.fetch("none", target, 1) is None


def test_an_empty_object_is_fetched(objects, tmp_path):
    objects.create("empty", b"")
    assert objects.fetch("empty", tmp_path / "file", 0) == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize("lost", ["request", "reply"])
def test_a_line_that_breaks_is_asked_again(objects, line, lost):
    objects.create("before", b"1")
    line.lost = [lost, lost]
    objects.write("a", b"content")
    line.lost = [lost]
    assert objects.read("a") == b"content"
    line.lost = [lost]
    assert objects.size("a") == 7
    line.lost = [lost]
    assert objects.names("") == ["a", "before"]


def test_a_reply_that_breaks_off_is_fetched_again(objects, line, tmp_path):
    objects.write("a", b"content" * 1000)
    line.lost, line.matching = ["half"], ("GET",)
    assert objects.read("a") == b"content" * 1000
    line.lost = ["half"]
    assert objects.fetch("a", tmp_path / "file", 7000) is not None
    assert (tmp_path / "file").read_bytes() == b"content" * 1000


def test_a_lost_reply_to_a_create_looks_as_if_another_had_been_first(objects, line):
    objects.create("before", b"1")
    line.lost, line.matching = ["reply"], ("PUT",)
    assert not objects.create("a", b"mine")
    assert objects.read("a") == b"mine"


def test_a_store_that_cannot_be_reached_is_named_with_the_next_step(objects, monkeypatch):
    monkeypatch.setattr(object_store, "RETRIES", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port('127.0.0.1')}")
    with pytest.raises(StoreServerError, match=r"cannot be reached: .*Check the network, AWS_ENDPOINT_URL"):
        ObjectStore(objects.root).find("a")


def test_a_bucket_that_is_not_there_is_named(bucket):
    with pytest.raises(StoreError, match=r"s3://no-such-bucket/x: no such bucket"):
        ObjectStore("s3://no-such-bucket/x").create("a", b"")
    with pytest.raises(StoreError, match=r"s3://no-such-bucket/x: no such bucket"):
        ObjectStore("s3://no-such-bucket/x").names("a")
    with pytest.raises(StoreError, match=r"s3://no-such-bucket/x: no such bucket"):
        list(ObjectStore("s3://no-such-bucket/x").list("a"))


def test_a_store_is_probed_once_and_nothing_is_left_of_it(objects, line):
    objects.create("a", b"")
    assert len([path for _, path, _ in line.requests if "/probe/" in path]) == 2
    objects.create("b", b"")
    ObjectStore(objects.root).create("c", b"")
    assert len([path for _, path, _ in line.requests if "/probe/" in path]) == 2
    assert objects.names("probe") == []


def test_a_server_that_ignores_the_condition_is_refused(objects, line):
    # As s3rver and smarts3 do: 200, and the object is written over.
    line.conditions = False
    with pytest.raises(StoreError, match=r"writes over an object .* only if absent"):
        objects.create("a", b"")
    assert not objects.has("a")
    assert objects.names("probe") == []


def test_importing_it_loads_no_client():
    code = "import kittidet.store, kittidet.registry.registry, sys; assert 'obstore' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
