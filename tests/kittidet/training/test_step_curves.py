"""TensorBoard gets the values of each step, not their running means, beside the curves that Keras writes."""

from types import SimpleNamespace

import keras
import pytest
import tensorflow as tf
from tensorflow.core.util import event_pb2

from kittidet.config import TrainConfig
from kittidet.training.step_curves import StepCurves, flat


@pytest.fixture
def curves(tmp_path):
    optimizer = SimpleNamespace(iterations=0, gradient_norm=0.0, _learning_rate=lambda step: 0.5 - 0.1 * step)
    found = StepCurves(tmp_path, optimizer=optimizer, recipe=TrainConfig(epochs=3))
    found.set_model(SimpleNamespace(metrics=[keras.metrics.Mean(name="loss")]))
    return found


def step(curves, value):
    curves.on_train_batch_begin(0)
    curves.model.metrics[0].update_state(value, sample_weight=8)
    curves.optimizer.iterations += 1
    curves.optimizer.gradient_norm = 10 * value
    curves.on_train_batch_end(0)


def events(folder):
    files = [str(f) for f in folder.glob("events.out.tfevents.*")]
    for record in tf.data.TFRecordDataset(files):
        event = event_pb2.Event.FromString(record.numpy())
        for value in event.summary.value:
            yield event.step, value


def scalars(folder, tag):
    return {n: tf.make_ndarray(v.tensor).item() for n, v in events(folder) if v.tag == tag}


def test_each_step_has_its_own_loss_norm_and_rate_also_where_an_epoch_goes_on(curves, tmp_path):
    curves.on_train_begin()
    for epoch in ((3.0, 1.0), (4.0, 2.0)):
        curves.on_epoch_begin(0)
        curves.model.metrics[0].reset_state()
        # Of an epoch that was interrupted, sums are brought back before its next step.
        curves.model.metrics[0].update_state(100.0)
        for value in epoch:
            step(curves, value)
        curves.on_epoch_end(0)
    assert scalars(tmp_path / "steps", "loss") == pytest.approx({1: 3.0, 2: 1.0, 3: 4.0, 4: 2.0})
    assert scalars(tmp_path / "steps", "gradient_norm") == pytest.approx({1: 30.0, 2: 10.0, 3: 40.0, 4: 20.0})
    assert scalars(tmp_path / "steps", "learning_rate") == pytest.approx({1: 0.5, 2: 0.4, 3: 0.3, 4: 0.2})


def test_the_recipe_is_among_the_hyper_parameters_once(curves, tmp_path):
    curves.on_train_begin()
    curves.on_train_begin()
    told = [value for _, value in events(tmp_path) if value.tag == "_hparams_/session_start_info"]
    assert len(told) == 1
    assert b"epochs" in told[0].metadata.plugin_data.content
    assert b"augment.flip" in told[0].metadata.plugin_data.content


def test_an_image_is_shown_as_the_bytes_it_is_given(curves, tmp_path):
    curves.on_train_begin()
    curves.show(b"jpeg", (160, 90), step=7)
    curves.writer.flush()
    ((step, value),) = [(n, v) for n, v in events(tmp_path / "steps") if v.tag == "predictions"]
    assert step == 7
    assert value.metadata.plugin_data.plugin_name == "images"
    assert list(tf.make_ndarray(value.tensor)) == [b"160", b"90", b"jpeg"]


def test_settings_are_flat_and_of_types_that_are_shown():
    assert flat({"a": 1, "b": {"c": True, "d": None, "e": [1, 2]}}) == {
        "a": 1,
        "b.c": True,
        "b.d": "None",
        "b.e": "[1, 2]",
    }
