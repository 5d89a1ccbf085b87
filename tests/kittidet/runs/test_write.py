"""A run's content into its folder: whole, found again, never written over."""

import json

import pytest

from kittidet.errors import StoreError
from kittidet.runs.run import BEST, HISTORY, IDENTITY, SUMMARY
from kittidet.runs.write import RunContent, write_run


@pytest.fixture
def content(tmp_path):
    """What a small run is made of, as the publishing step would say it."""
    (tmp_path / "made" / "checkpoint").mkdir(parents=True)
    (tmp_path / "made" / "checkpoint" / "model.weights.h5").write_text("weights")
    (tmp_path / "made" / "history.csv").write_text("epoch\n1\n")
    copies = {BEST: tmp_path / "made" / "checkpoint", HISTORY: tmp_path / "made" / "history.csv"}
    return RunContent(copies, {SUMMARY: {"ap": 0.5}})


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


def visible(runs):
    return sorted(p.name for p in runs.iterdir() if not p.name.startswith("."))


def not_asked():
    raise AssertionError("a run that is there is not made again")


def test_the_folder_holds_everything_and_its_digests(runs, content):
    run, cached = write_run(runs, "mine", "d", lambda: content)
    assert (run.path, cached) == (runs / "mine", False)
    assert (run.best_checkpoint / "model.weights.h5").read_text() == "weights"
    assert (run.path / HISTORY).read_text() == "epoch\n1\n"
    assert json.loads((run.path / SUMMARY).read_text()) == {"ap": 0.5}
    identity = json.loads((run.path / IDENTITY).read_text())
    assert identity["digest"] == "d"
    assert sorted(identity["files"]) == [HISTORY, SUMMARY, f"{BEST}/model.weights.h5"]


def test_the_same_run_finds_its_folder_again_also_with_a_persons_files_in_it(runs, content):
    first, _ = write_run(runs, "mine", "d", lambda: content)
    (first.path / "report").mkdir()
    (first.path / "report" / "index.html").write_text("hello")
    again, cached = write_run(runs, "mine", "d", not_asked)
    assert (again.path, cached) == (first.path, True)
    assert visible(runs) == ["mine"]


def test_another_run_of_the_same_name_gets_the_next_number_and_the_first_stays(runs, content):
    first, _ = write_run(runs, "mine", "d", lambda: content)
    before = (first.path / SUMMARY).read_bytes()
    second, _ = write_run(runs, "mine", "other", lambda: RunContent({}, {SUMMARY: {"ap": 0.6}}))
    assert second.path.name == "mine-2"
    assert (first.path / SUMMARY).read_bytes() == before
    assert write_run(runs, "mine", "d", not_asked)[0].path == first.path


@pytest.mark.parametrize("identity", [None, "{", "[]", '{"digest": "d", "files": 3}', '{"digest": "d"}'])
def test_a_damaged_or_foreign_folder_is_left_alone(runs, content, identity):
    first, _ = write_run(runs, "mine", "d", lambda: content)
    if identity is None:
        (first.path / HISTORY).write_text("my notes")
    else:
        (first.path / IDENTITY).write_text(identity)
    (runs / "mine-2").mkdir()
    (runs / "mine-3").write_text("a file")
    assert write_run(runs, "mine", "d", lambda: content)[0].path.name == "mine-4"
    assert list((runs / "mine-2").iterdir()) == []
    if identity is None:
        assert (first.path / HISTORY).read_text() == "my notes"


def test_a_run_that_fails_leaves_no_folder_and_what_was_killed_is_cleared(runs, content):
    (runs / ".mine-2.partial-0123" / "weights").mkdir(parents=True)
    (runs / ".export.partial-7").mkdir()
    content.copies[HISTORY].unlink()
    with pytest.raises(StoreError, match=r"history\.csv: cannot publish the run"):
        write_run(runs, "mine", "d", lambda: content)
    # An export beside the runs is none of them.
    assert sorted(p.name for p in runs.iterdir()) == [".export.partial-7", ".lock"]


def test_a_runs_folder_that_cannot_be_written_is_named(tmp_path, content):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="runs_dir"):
        write_run(tmp_path / "file" / "runs", "mine", "d", lambda: content)
