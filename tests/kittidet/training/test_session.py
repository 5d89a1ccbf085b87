"""What a run starts with: which batch norms learn, whether a step goes through its batch in parts, its precision."""

import keras
import numpy as np
import pytest

from kittidet.model.normalization import batch_norms
from kittidet.records.manifest import read_manifest
from kittidet.training import session as session_module
from kittidet.training.accumulation import AccumulatingDetector
from kittidet.training.session import open_session


@pytest.mark.parametrize(("micro_batch", "in_parts"), [(5, False), (1, True)])
def test_a_step_goes_through_its_batch_in_parts_only_where_memory_asks_for_it(
    tiny_models, train_records, small_model, short_recipe, micro_batch, in_parts
):
    manifest = read_manifest(train_records)
    session = open_session(small_model, short_recipe, manifest, start=None, steps_per_epoch=2, micro_batch=micro_batch)
    assert isinstance(session.detector, AccumulatingDetector) is in_parts
    assert [len(session.variables[name]) > 0 for name in ("network", "optimizer", "epoch")] == [True] * 3
    assert all(norm.trainable for norm in batch_norms(session.detector.network))


def test_bfloat16_learns_as_float32_does_and_keeps_its_weights_averages_and_metrics_in_float32(
    tiny_models, train_records, small_model, short_recipe, tmp_path
):
    manifest = read_manifest(train_records)
    draws = np.random.default_rng(2)
    batch = {
        "image": draws.normal(size=(5, *small_model.input_hw, 3)).astype(np.float32),
        "boxes_xyxy": np.tile(np.float32([[10, 10, 60, 50], [70, 5, 120, 60]]), (5, 1, 1)),
        "class_ids": np.tile(np.int32([1, 4]), (5, 1)),
        "dont_care_xyxy": np.zeros((5, 1, 4), np.float32),
    }
    losses, sessions = {}, {}
    for precision in ("float32", "mixed_bfloat16"):
        recipe = short_recipe.model_copy(update={"precision": precision, "learning_rate": 0.02})
        session = open_session(small_model, recipe, manifest, start=None, steps_per_epoch=2, micro_batch=5)
        session.detector.run_eagerly = True
        losses[precision] = [float(session.detector.train_step(batch)["loss"]) for _ in range(4)]
        sessions[precision] = session
    half, full = sessions["mixed_bfloat16"].detector.network, sessions["float32"].detector.network
    assert {layer.compute_dtype for layer in half.layers if layer.weights} == {"bfloat16"}
    assert np.isfinite(losses["mixed_bfloat16"]).all()
    assert losses["mixed_bfloat16"] == pytest.approx(losses["float32"], rel=0.02)
    assert losses["mixed_bfloat16"] != losses["float32"]
    assert losses["float32"][-1] != losses["float32"][0]
    stored = [v for group in sessions["mixed_bfloat16"].variables.values() for v in group]
    assert {v.dtype for v in stored if "float" in v.dtype} == {"float32"}
    half.save_weights(tmp_path / "x.weights.h5")
    full.load_weights(tmp_path / "x.weights.h5")
    half.load_weights(tmp_path / "x.weights.h5")
    for ours, theirs in zip(half.get_weights(), full.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_float16_without_a_gpu_trains_in_float32_and_says_so(
    tiny_models, train_records, small_model, short_recipe, caplog
):
    recipe = short_recipe.model_copy(update={"precision": "mixed_float16"})
    manifest = read_manifest(train_records)
    session = open_session(small_model, recipe, manifest, start=None, steps_per_epoch=2, micro_batch=5)
    assert "train.precision=mixed_float16 needs a GPU; training in float32" in caplog.text
    assert {layer.compute_dtype for layer in session.detector.network.layers} == {"float32"}


def test_float16_scales_its_losses_on_a_gpu(tiny_models, train_records, small_model, short_recipe, monkeypatch):
    monkeypatch.setattr(session_module, "has_gpu", lambda: True)
    recipe = short_recipe.model_copy(update={"precision": "mixed_float16"})
    manifest = read_manifest(train_records)
    session = open_session(small_model, recipe, manifest, start=None, steps_per_epoch=2, micro_batch=5)
    assert isinstance(session.detector.optimizer, keras.optimizers.LossScaleOptimizer)
    assert session.detector.optimizer.inner_optimizer is session.optimizer
