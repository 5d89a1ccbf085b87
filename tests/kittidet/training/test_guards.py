"""A run whose loss says that it is lost stops at once, or says what to do."""

import keras
import pytest

from kittidet.errors import TrainingError
from kittidet.training.guards import LossGuard, NotFiniteError

LOGS = {"loss": 2.0, "cls_loss": 1.0, "box_loss": 0.01, "iou_loss": 0.0, "l2_loss": 0.5, "num_positives": 9.0}


@pytest.fixture
def guard():
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    callback = LossGuard([], objects_per_batch=20.0)
    callback.set_model(model)
    return callback


def test_finite_losses_pass(guard):
    guard.on_train_batch_end(0, LOGS)
    guard.on_epoch_end(0, LOGS)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_the_attempt_with_its_parts(guard, value):
    with pytest.raises(NotFiniteError, match=r"batch 4 .* box_loss (nan|inf)"):
        guard.on_train_batch_end(3, {**LOGS, "loss": value, "box_loss": value})


def test_a_box_loss_of_exactly_zero_with_objects_stops_the_run(guard):
    with pytest.raises(TrainingError, match=r"box_loss is exactly 0 with 9\.0 anchors"):
        guard.on_epoch_end(0, {**LOGS, "box_loss": 0.0})


def test_an_epoch_without_an_anchor_on_an_object_stops_the_run(guard):
    with pytest.raises(TrainingError, match=r"epoch 1: no anchor lies on an object.*scale_min"):
        guard.on_epoch_end(0, {**LOGS, "box_loss": 0.0, "num_positives": 0.0})


def test_fifty_batches_without_an_anchor_on_an_object_stop_the_run(guard):
    empty = {**LOGS, "box_loss": 0.0, "num_positives": 0.0}
    for batch in range(49):
        guard.on_train_batch_end(batch, empty)
    with pytest.raises(TrainingError, match="the first 50 batches: no anchor lies on an object"):
        guard.on_train_batch_end(49, empty)


def test_where_objects_are_rare_many_batches_without_one_are_no_fault(guard):
    rare = LossGuard([], objects_per_batch=0.1)
    rare.set_model(guard.model)
    empty = {**LOGS, "box_loss": 0.0, "num_positives": 0.0}
    for batch in range(4999):
        rare.on_train_batch_end(batch, empty)
    with pytest.raises(TrainingError, match="the first 5000 batches"):
        rare.on_train_batch_end(4999, empty)


def test_an_epoch_with_twice_the_loss_of_the_best_is_named_with_the_part_that_grew_most(guard, caplog):
    guard.rows = [{"epoch": 1, **LOGS, "loss": 3.0}, {"epoch": 2, **LOGS}]
    guard.on_epoch_end(2, {**LOGS, "loss": 3.9})
    assert not caplog.records
    guard.on_epoch_end(2, {**LOGS, "loss": 5.0, "cls_loss": 3.0, "box_loss": 0.02})
    (said,) = (r.getMessage() for r in caplog.records)
    assert "epoch 3: the loss 5 is 2.5 times that of epoch 2, most of all cls_loss (3.0 times)" in said
    assert "train.learning_rate" in said


def test_a_step_that_loss_scaling_left_out_is_no_fault_until_unscaled_gradients_overflow_too(guard):
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())
    optimizer.build(guard.model.trainable_variables)
    guard.model.compile(optimizer=optimizer, loss="mse", auto_scale_loss=False)
    for scale in (1.0, 2.0**15):
        optimizer.dynamic_scale.assign(scale)
        guard.on_train_batch_end(0, LOGS)
    optimizer.dynamic_scale.assign(0.5)
    with pytest.raises(NotFiniteError, match=r"float16 gradients are not finite even unscaled \(scale 0\.5\)"):
        guard.on_train_batch_end(0, LOGS)
