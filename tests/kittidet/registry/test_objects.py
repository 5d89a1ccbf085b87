"""kittidet.registry.objects: whole or absent, one writer wins, the highest number counts."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import BaseModel

from kittidet.errors import RegistryError
from kittidet.registry.objects import ObjectFolder, append_record, numbers, read_record, read_records


class Note(BaseModel):
    writer: str


@pytest.fixture
def objects(tmp_path) -> ObjectFolder:
    return ObjectFolder(tmp_path / "registry")


def without_links(*_paths):
    raise PermissionError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("links", [True, False])
def test_of_many_writers_one_wins_and_its_object_is_whole(objects, links, monkeypatch):
    if not links:
        monkeypatch.setattr(os, "link", without_links)
    contents = [f"{k}".encode() * 10_000 for k in range(8)]
    for round_number in range(10):
        key = f"a/{round_number}"
        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(lambda content, key=key: objects.create(key, content), contents))
        assert sum(won) == 1
        assert objects.read(key) == contents[won.index(True)]
    assert objects.names("a") == sorted(map(str, range(10)))


def test_a_writer_that_is_killed_leaves_nothing_under_the_key(objects):
    code = """
        import os, signal, sys
        from pathlib import Path
        from kittidet.registry.objects import ObjectFolder
        os.link = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        ObjectFolder(Path(sys.argv[1])).create("a/000001.json", b"{}")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(objects.root)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not objects.has("a/000001.json")
    assert objects.names("a") == []
    assert numbers(objects, "a") == []
    assert objects.create("a/000001.json", b"[]")


def test_an_object_is_never_written_over(objects):
    assert objects.create("a", b"first")
    assert not objects.create("a", b"second")
    assert objects.read("a") == b"first"


def test_records_are_numbered_without_gaps_by_any_number_of_writers(objects):
    def add(writer: int) -> None:
        for turn in range(5):
            append_record(objects, "notes", lambda number, turn=turn: Note(writer=f"{writer} {turn} {number}"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(4)))
    assert numbers(objects, "notes") == list(range(1, 21))
    written = {read_record(objects, "notes", number, Note).writer.rpartition(" ")[0] for number in range(1, 21)}
    assert written == {f"{writer} {turn}" for writer in range(4) for turn in range(5)}
    assert [note.writer.rpartition(" ")[2] for note in read_records(objects, "notes", Note)] == [
        str(number) for number in range(1, 21)
    ]


def test_what_a_shared_disk_wrote_and_reports_as_there_already_is_one_s_own(objects, monkeypatch):
    link = os.link

    def link_and_lose_the_answer(source, target):
        link(source, target)
        raise FileExistsError(errno.EEXIST, "File exists")

    monkeypatch.setattr(os, "link", link_and_lose_the_answer)
    assert append_record(objects, "notes", lambda number: Note(writer=f"me {number}")).writer == "me 1"
    assert numbers(objects, "notes") == [1]


def test_what_is_missing_or_no_record_is_named(objects):
    with pytest.raises(RegistryError, match=r"notes/000007\.json: cannot read it"):
        read_record(objects, "notes", 7, Note)
    objects.create("notes/000001.json", b'{"writer": 3}')
    with pytest.raises(RegistryError, match=r"notes/000001\.json: not a Note: writer: .*Restore"):
        read_record(objects, "notes", 1, Note)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RegistryError, match="cannot write the registry"):
        ObjectFolder(tmp_path / "file").create("a", b"")
