"""kittidet.runs.note: what a run needs is known where its store is."""

import platform

import pytest

from kittidet.errors import StoreError
from kittidet.object_store import ObjectStore
from kittidet.runs.note import RUNS, RunNote, note_run


def test_a_note_names_the_run_its_machine_and_its_outputs_once(bucket, published):
    run = published("one")
    objects = ObjectStore(bucket)
    note_run(objects, run, "d1", ["a" * 64, "b" * 64])
    note_run(objects, run, "d1", [])
    (name,) = objects.names(RUNS)
    note = RunNote.read(objects.read(f"{RUNS}/{name}"), where=name)
    assert (note.digest, note.machine, note.path) == ("d1", platform.node(), run.path)
    assert note.outputs == ("a" * 64, "b" * 64)


def test_what_is_no_note_is_named(bucket):
    with pytest.raises(StoreError, match=r"runs/x\.json: not the note of a run"):
        RunNote.read(b"{}", where=f"{RUNS}/x.json")
