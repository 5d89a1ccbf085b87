"""deployments.changes: the catalog's change is written, a person's stays and is told; no memory, no loss."""

import pytest

from deployments.changes import Memory


@pytest.mark.parametrize(
    ("was", "has", "wants", "writes", "line"),
    [
        (1, 1, 1, {}, None),
        (1, 1, 2, {"limit": 2}, None),
        (1, 3, 1, {}, "pool: limit was changed to 3 in the pages; kept"),
        (1, 3, 2, {}, "pool: limit was changed to 3 in the pages; kept, though the catalog now has 2"),
        (1, 3, 3, {}, None),
        (1, None, 1, {}, "pool: limit was changed to nothing in the pages; kept"),
        (1, 1, None, {"limit": None}, None),
    ],
)
def test_what_the_catalog_changed_is_written_and_what_a_person_changed_is_kept_and_told(was, has, wants, writes, line):
    memory = Memory(last={"id": {"limit": was}})
    assert memory.settle("id", "pool", has={"limit": has}, wants={"limit": wants}) == writes
    assert memory.kept == ([line] if line else [])
    # Told each time, until the pages and the catalog agree.
    assert memory.now["id"]["limit"] == (was if line else wants)


def test_what_nothing_is_known_of_is_kept():
    memory = Memory(last={})
    assert memory.settle("id", "pool", has={"limit": 3, "own": "x"}, wants={"limit": 2, "new": None}) == {}
    assert memory.kept == [
        "pool: limit is 3, in the catalog 2; kept",
        "pool: own is x, in the catalog nothing; kept",
    ]
    assert memory.now == {"id": {"new": None}}


def test_it_is_remembered_whole_or_not_at_all(tmp_path):
    memory = Memory(last={})
    memory.wrote("id", {"limit": 3})
    memory.write(tmp_path / "deployed.json")
    assert Memory.read(tmp_path / "deployed.json").last == {"id": {"limit": 3}}
    text = (tmp_path / "deployed.json").read_text()
    for damaged in (text.replace("3", "4"), text[:-9], ""):
        (tmp_path / "deployed.json").write_text(damaged)
        assert Memory.read(tmp_path / "deployed.json").last == {}
