"""A person reads what is going to happen, and every half minute how far it is and how long is left."""

import logging

import pytest

from kittidet.config import TrainConfig
from kittidet.training.step_lines import StepLines

LOGS = {"loss": 2.0, "cls_loss": 1.0, "box_loss": 0.01}


class Run:
    """Two epochs of 100 steps of 8 images, each step 2 s, the first one 40 s, the scoring of an epoch 1,000 s."""

    def __init__(self, micro_batch=8, **memory):
        self.step, self.now = 0, 1.0
        train = TrainConfig(epochs=2, batch_size=8)
        self.lines = StepLines(
            train,
            steps_per_epoch=100,
            micro_batch=micro_batch,
            steps=lambda: self.step,
            clock=lambda: self.now,
            **memory,
        )
        self.lines.on_train_begin()

    def train(self, steps, seconds=2.0):
        for _ in range(steps):
            self.step, self.now = self.step + 1, self.now + seconds
            self.lines.on_train_batch_end(0, LOGS)


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO)
    return lambda: [record.in_words for record in caplog.records if hasattr(record, "in_words")]


def test_the_plan_is_said_before_the_first_step(said):
    Run()
    assert said()[0].startswith("200 steps to go, 100 an epoch, 8 images a step; ")


def test_the_plan_says_what_is_in_memory_at_a_time(said):
    Run(micro_batch=2)
    assert "8 images a step, 2 in memory at a time, 4 times; " in said()[0]
    Run(micro_batch=2, devices=("GPU:0", "GPU:1"))
    assert "8 images a step, 4 on each of 2 devices, 2 in memory at a time, 2 times; " in said()[1]


def test_a_run_that_goes_on_in_the_same_way_says_its_pace_and_the_time_left_before_its_first_step(said, tmp_path):
    run = Run(folder=tmp_path)
    assert "; the time left is said after the first steps; " in said()[0]
    run.train(1, seconds=40)
    run.train(3)
    Run(folder=tmp_path)
    assert "; 2 s a step when it last ran, about 7 min left; " in said()[-1]
    Run(devices=("GPU:0",), folder=tmp_path)
    assert "; the time left is said after the first steps; " in said()[-1]


def test_steps_that_the_optimiser_leaves_out_count_for_the_pace(said):
    run = Run()
    for _ in range(20):
        run.now += 2
        run.lines.on_train_batch_end(0, LOGS)
    assert said()[1] == "2 s a step, about 7 min left"
    assert said()[2].startswith("epoch 1 of 2, step 1 of 100")


def test_half_a_minute_after_the_last_line_another_tells_the_rate_of_the_steps_and_the_time_left(said):
    run = Run()
    run.train(1, seconds=40)
    run.train(14)
    assert len(said()) == 2
    run.train(1)
    assert said()[2] == (
        "epoch 1 of 2, step 16 of 100: loss 2.0000 (class 1.0000, box 0.01000), 4 images/s, about 6 min left"
    )
    run.train(14)
    assert len(said()) == 3


def test_the_pace_is_said_once_it_is_known_without_the_building_of_the_step(said):
    run = Run()
    run.train(1, seconds=40)
    run.train(2)
    assert len(said()) == 1
    run.train(1)
    assert said()[1] == "2 s a step, about 7 min left"


def test_the_plan_says_the_memory_that_is_needed_and_warns_where_there_is_less(said, caplog):
    Run(peak=3_020_000_000, memory=24_000_000_000)
    assert "; about 3.0 of 24 GB of memory; " in said()[0]
    assert not [r for r in caplog.records if r.levelname == "WARNING"]
    Run(peak=3_020_000_000, memory=2_500_000_000)
    (warned,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert "need about 3.0 GB of memory, of which there are 2.5" in warned


def test_scoring_between_epochs_is_no_part_of_the_rate(said):
    run = Run()
    run.train(1, seconds=40)
    run.train(99)
    run.lines.on_epoch_end(0)
    run.now += 1000
    run.lines.on_epoch_begin(1)
    before = len(said())
    run.train(14)
    assert len(said()) == before  # the line of the epoch that ended is the last one
    run.train(1)
    assert said()[-1].startswith("epoch 2 of 2, step 15 of 100")
    assert "4 images/s, about 3 min left" in said()[-1]


def test_a_training_of_two_parts_has_one_plan(said):
    run = Run()
    run.lines.on_train_begin()
    assert len(said()) == 1
