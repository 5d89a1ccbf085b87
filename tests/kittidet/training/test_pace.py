"""A run remembers how long its steps took, for as long as it trains in the same way."""

import pytest

from kittidet.training.pace import read_pace, write_pace


def test_the_pace_is_read_where_the_run_trains_as_it_did(tmp_path):
    assert read_pace(tmp_path, "2 cores, 8 at a time") is None
    write_pace(tmp_path, "2 cores, 8 at a time", 1.5)
    assert read_pace(tmp_path, "2 cores, 8 at a time") == 1.5
    assert read_pace(tmp_path, "1 GPU, 8 at a time") is None


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"where": "2 cores", "seconds_per_step": null}'])
def test_a_note_that_is_damaged_is_no_pace(tmp_path, content):
    (tmp_path / "pace.json").write_text(content)
    assert read_pace(tmp_path, "2 cores") is None
