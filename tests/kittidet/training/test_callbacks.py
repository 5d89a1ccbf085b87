"""A run whose loss says that it is lost stops at once and says what to do."""

import keras
import pytest

from kittidet.errors import TrainingError
from kittidet.training.callbacks import LossGuard

LOGS = {"loss": 2.0, "cls_loss": 1.0, "box_loss": 0.01, "iou_loss": 0.0, "l2_loss": 0.5, "num_positives": 9.0}


@pytest.fixture
def guard():
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    callback = LossGuard()
    callback.set_model(model)
    return callback


def test_finite_losses_pass(guard):
    guard.on_train_batch_end(0, LOGS)
    guard.on_epoch_end(0, LOGS)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_the_run_with_its_parts_and_the_next_step(guard, value):
    with pytest.raises(TrainingError, match=r"batch 4 .* box_loss (nan|inf).*Lower train\.learning_rate"):
        guard.on_train_batch_end(3, {**LOGS, "loss": value, "box_loss": value})


def test_a_box_loss_of_exactly_zero_with_objects_stops_the_run(guard):
    with pytest.raises(TrainingError, match=r"box_loss is exactly 0 with 9\.0 anchors"):
        guard.on_epoch_end(0, {**LOGS, "box_loss": 0.0})


def test_a_box_loss_of_zero_without_objects_passes(guard):
    guard.on_epoch_end(0, {**LOGS, "box_loss": 0.0, "num_positives": 0.0})
