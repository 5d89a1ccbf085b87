"""What of batch norm learns in each mode, and statistics that are those of the images they were measured on."""

from pathlib import Path

import keras
import numpy as np
import pytest
from fixtures.tiny_models import INPUT_HW
from keras.ops import convert_to_numpy

from kittidet.config import TrainConfig
from kittidet.model.anchors import build_anchors
from kittidet.model.efficientdet import build_efficientdet
from kittidet.model.normalization import BatchNorm, batch_norms
from kittidet.training.batch_norm import apply_mode, mode_of, refresh_statistics
from kittidet.training.model import TrainableDetector
from kittidet.training.optimizer import build_optimizer


@pytest.mark.parametrize(
    ("asked", "batch_size", "starts_from_weights", "mode"),
    [
        ("auto", 8, True, "frozen"),
        ("auto", 16, True, "train"),
        ("auto", 8, False, "train"),
        ("frozen", 8, False, "frozen"),
        ("affine", 16, False, "affine"),
        ("refresh_then_freeze", 16, True, "refresh_then_freeze"),
        ("train", 8, True, "train"),
    ],
)
def test_batch_norm_does_what_is_asked_or_is_frozen_for_small_batches_that_start_from_weights(
    asked, batch_size, starts_from_weights, mode
):
    start = Path("starter") if starts_from_weights else None
    assert mode_of(TrainConfig(batch_norm=asked, batch_size=batch_size, initial_weights=start)) == mode


@pytest.mark.parametrize(("old", "new"), [(True, "frozen"), (False, "train"), (None, "auto")])
def test_the_setting_of_the_version_before_means_the_same(old, new, caplog):
    assert TrainConfig.model_validate({"freeze_batch_norm": old}).batch_norm == new
    assert "config.renamed" in caplog.text


@pytest.fixture(scope="module")
def network(shallow_networks):
    keras.utils.set_random_seed(3)
    return build_efficientdet("shallow", 8, INPUT_HW)


def draw_images(count, seed=0):
    return np.random.default_rng(seed).normal(0.3, 1.5, (count, *INPUT_HW, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("mode", "affine_learns", "statistics_move"),
    [("frozen", False, False), ("refresh_then_freeze", False, False), ("affine", True, False), ("train", True, True)],
)
def test_a_step_moves_what_the_mode_lets_move(network, mode, affine_learns, statistics_move):
    for norm in batch_norms(network):
        norm.trainable = True
    apply_mode(network, mode)
    detector = TrainableDetector(
        network, anchors_xyxy=build_anchors("shallow", input_hw=INPUT_HW), recipe=TrainConfig(l2=0)
    )
    optimizer = build_optimizer(TrainConfig(), learning_rate=0.1, model=detector)
    assert (len(optimizer.statistics) > 0) is statistics_move
    detector.compile(optimizer=optimizer, run_eagerly=True, auto_scale_loss=False)
    norms = batch_norms(network)
    before = [[convert_to_numpy(w).copy() for w in norm.weights] for norm in norms]
    detector.train_on_batch(
        {
            "image": draw_images(2),
            "boxes_xyxy": np.float32([[[10, 10, 60, 50]]] * 2),
            "class_ids": np.int32([[1]] * 2),
            "dont_care_xyxy": np.zeros((2, 1, 4), np.float32),
        }
    )
    moved = np.array(
        [
            [(convert_to_numpy(w) != was).any() for w, was in zip(norm.weights, values, strict=True)]
            for norm, values in zip(norms, before, strict=True)
        ]
    )
    assert [w.path.rsplit("/")[-1] for w in norms[0].weights] == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert moved[:, 1].any() == affine_learns
    assert moved[:, 2:].all(axis=1).any() == statistics_move


def test_the_affine_gradient_is_that_of_the_plain_formula():
    """Gamma and beta in the kernel get the gradients that they have outside of it, with the statistics constants."""
    tf = pytest.importorskip("tensorflow")
    from kittidet.model.normalization import normalized_convolution

    draws = np.random.default_rng(0)
    norm = BatchNorm()
    norm.build((None, None, None, 3))
    norm.moving_mean.assign(draws.normal(size=3))
    norm.moving_variance.assign(draws.uniform(0.5, 1.5, 3))
    norm.keeps_statistics = True
    x, kernel = draws.normal(size=(2, 4, 5, 3)).astype(np.float32), draws.normal(size=(1, 1, 3, 3)).astype(np.float32)
    with tf.GradientTape() as tape:
        y = normalized_convolution(x, kernel, norm, kind="full", training=True)
        loss = tf.reduce_sum(y**2)
    gamma, beta = tape.gradient(loss, [norm.gamma.value, norm.beta.value])
    plain = (x @ kernel[0, 0] - convert_to_numpy(norm.moving_mean)) / np.sqrt(
        convert_to_numpy(norm.moving_variance) + 1e-3
    )
    np.testing.assert_allclose(gamma, (2 * np.asarray(y) * plain).sum(axis=(0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(beta, (2 * np.asarray(y)).sum(axis=(0, 1, 2)), rtol=1e-4)


def test_statistics_that_are_measured_again_are_those_of_every_activation(network):
    """Of the first layer and of one behind it, against NumPy over the same batches; no weight moves, frozen or not."""
    apply_mode(network, "refresh_then_freeze")
    backbone = network.get_layer(network.spec.backbone)
    block = backbone.blocks[1]
    batches = [draw_images(3, seed) + seed for seed in (1, 2)]
    weights = [convert_to_numpy(v).copy() for v in network.weights if "moving" not in v.path]
    assert refresh_statistics(network, batches) == 2
    for was, v in zip(weights, (v for v in network.weights if "moving" not in v.path), strict=True):
        np.testing.assert_array_equal(was, convert_to_numpy(v), err_msg=v.path)
    assert not any(norm.trainable for norm in batch_norms(network))
    stem = [keras.ops.conv(b, backbone.stem_kernel, strides=2, padding="same") for b in batches]
    assert_statistics(backbone.stem_norm, stem)
    # The input of the second block, each batch normalised by its own statistics, as the measuring itself had it.
    inputs = []
    for batch in batches:
        for norm in batch_norms(network):
            norm.trainable = True
        x = keras.ops.conv(batch, backbone.stem_kernel, strides=2, padding="same")
        x = keras.ops.silu(
            (x - keras.ops.mean(x, (0, 1, 2)))
            * keras.ops.rsqrt(keras.ops.var(x, (0, 1, 2)) + 1e-3)
            * backbone.stem_norm.gamma
            + backbone.stem_norm.beta
        )
        saved = [convert_to_numpy(w) for w in network.weights]
        x = backbone.blocks[0].call(x, training=True)
        for variable, value in zip(network.weights, saved, strict=True):
            variable.assign(value)
        inputs.append(keras.ops.conv(x, block.expand_kernel, padding="same"))
    assert_statistics(block.expand_norm, inputs)


def assert_statistics(norm, activations):
    values = np.concatenate([convert_to_numpy(a).reshape(-1, a.shape[-1]) for a in activations]).astype(np.float64)
    np.testing.assert_allclose(convert_to_numpy(norm.moving_mean), values.mean(0), rtol=1e-4, atol=1e-5)
    # The batches' own variances are the unbiased ones.
    n = len(values) // len(activations)
    within = np.mean([convert_to_numpy(a).reshape(-1, a.shape[-1]).var(0, ddof=1) for a in activations], axis=0)
    np.testing.assert_allclose(convert_to_numpy(norm.moving_variance), values.var(0) + within / n, rtol=1e-4)


def test_no_batches_leave_nothing_to_measure(network):
    with pytest.raises(ValueError, match="got none"):
        refresh_statistics(network, [])
