"""Which epochs are scored, what stays of a training, and when it has stalled."""

import pytest

from kittidet.config import TrainConfig
from kittidet.training.keeping import best_steps, has_stalled, is_due, kept_steps, scoring_interval


def rows(*aps):
    """One epoch of ten steps for each AP."""
    return [{"epoch": n, "step": 10 * n, "val_ap": ap} for n, ap in enumerate(aps, start=1)]


@pytest.mark.parametrize(
    ("asked", "n_train", "n_val", "input_hw", "interval"),
    [
        (1, 5985, 1496, (384, 1280), 1),
        (1, 3712, 3769, (384, 1280), 3),
        (5, 3712, 3769, (384, 1280), 5),
        (1, 100, 1000, (384, 1280), 25),
        (0, 5985, 1496, (384, 1280), 0),
        (1, 120, 30, (160, 512), 3),  # the demo's; a fifth of the time was seen when each epoch was scored
    ],
)
def test_scoring_is_stretched_until_it_costs_a_tenth(asked, n_train, n_val, input_hw, interval):
    train = TrainConfig(evaluate_every_epochs=asked)
    assert scoring_interval(train, n_train=n_train, n_val=n_val, input_hw=input_hw) == interval


@pytest.mark.parametrize(("every", "due"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (9, [5]), (0, [])])
def test_the_last_epoch_is_always_due_unless_nothing_is(every, due):
    assert [epoch for epoch in range(1, 6) if is_due(epoch, every, 5)] == due


def test_the_best_come_first_and_of_equals_the_earliest():
    assert best_steps(rows(0.1, None, 0.3, 0.3, 0.2), 3) == [30, 40, 50]
    assert best_steps(rows(None, None), 3) == []


def test_the_newest_and_the_best_stay():
    train = TrainConfig(keep_checkpoints=2, average_best=1)
    assert kept_steps([10, 20, 30, 40], rows(0.9, 0.1, 0.2, 0.3), train) == {10, 30, 40}
    assert kept_steps([10, 20, 30, 40], rows(None, None, None, None), train) == {30, 40}


def test_a_best_checkpoint_that_is_still_there_does_not_push_out_a_newest_one():
    train = TrainConfig(keep_checkpoints=2, average_best=1)
    assert kept_steps([10, 40, 50], rows(0.9, 0.1, 0.2, 0.3, 0.1), train) == {10, 40, 50}


@pytest.mark.parametrize(
    ("aps", "patience", "stalled"),
    [
        ((0.1, 0.3, 0.2, 0.2), 2, True),
        ((0.1, 0.3, 0.2), 2, False),
        ((0.1, 0.3, 0.2, 0.4), 2, False),
        ((0.1, 0.3, 0.3, 0.3), 2, True),  # as good as before is no rise
        ((0.3, None, None, None), 2, True),
        ((None, None, None), 2, False),  # nothing was scored
        ((0.1, 0.0, 0.0, 0.0), None, False),
    ],
)
def test_a_training_has_stalled_when_its_best_is_older_than_its_patience(aps, patience, stalled):
    assert has_stalled(rows(*aps), TrainConfig(patience_epochs=patience)) is stalled


def test_patience_begins_anew_where_a_stalled_training_is_extended():
    train = TrainConfig(epochs=3, patience_epochs=2).extended(4)
    assert not has_stalled(rows(0.3, 0.2, 0.1, 0.1), train)
    assert has_stalled(rows(0.3, 0.2, 0.1, 0.1, 0.1), train)
