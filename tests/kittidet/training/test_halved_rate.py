"""After a loss that is no number the rate is halved, twice, and the run's folder remembers it."""

import pytest

from kittidet.errors import TrainingError
from kittidet.training.guards import NotFiniteError
from kittidet.training.halved_rate import halve_rate, halvings_of


def test_the_rate_is_halved_twice_and_then_the_parts_of_the_loss_are_said(tmp_path, caplog):
    error = NotFiniteError("step 7: the loss is not finite: loss nan.")
    assert halvings_of(tmp_path) == 0
    assert [halve_rate(tmp_path, error), halve_rate(tmp_path, error)] == [1, 2]
    assert halvings_of(tmp_path) == 2
    assert "at 0.25 of the learning rate" in caplog.text
    with pytest.raises(TrainingError, match=r"step 7: .* loss nan\. The rate was already halved 2 times.*inspect"):
        halve_rate(tmp_path, error)
    assert halvings_of(tmp_path) == 2


def test_a_note_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "halved_rate.json").write_text("{")
    with pytest.raises(TrainingError, match=r"halved_rate\.json"):
        halvings_of(tmp_path)
