"""kittidet.steps.again: what reads a damaged output is done again, but not for ever."""

import pytest
from fixtures.damage import flip_a_bit

from kittidet.errors import DamagedOutputError, StoreError
from kittidet.steps.again import with_damage_made_again
from kittidet.store import SMALL_BYTES, Store, step_key


def test_each_damaged_output_is_made_again_and_what_read_it_runs_again(tmp_path):
    store, made = Store(tmp_path), []

    def request(n):
        def make(folder):
            made.append(n)
            (folder / "file").write_bytes(b"\0" * (SMALL_BYTES + n))
            return {}

        return store.get_or_make(step_key("a", n), make)

    outputs = [request(n) for n in (1, 2, 3)]
    for output in outputs[:2]:
        flip_a_bit(store.path(output) / "file")
    sizes = with_damage_made_again(lambda: [store.read(request(n), "file").stat().st_size for n in (1, 2, 3)])
    assert sizes == [SMALL_BYTES + n for n in (1, 2, 3)]
    assert made == [1, 2, 3, 1, 2]


def test_damage_that_comes_back_is_raised():
    calls = []

    def work():
        calls.append(1)
        raise DamagedOutputError("records: damaged")

    with pytest.raises(DamagedOutputError, match="records: damaged"):
        with_damage_made_again(work)
    assert len(calls) == 2


def test_other_errors_are_not_tried_again():
    calls = []

    def work():
        calls.append(1)
        raise StoreError("full")

    with pytest.raises(StoreError, match="full"):
        with_damage_made_again(work)
    assert len(calls) == 1
