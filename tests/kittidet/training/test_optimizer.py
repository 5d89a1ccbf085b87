"""Gradients are clipped twice, weights are averaged with a decay that starts small, kernels decay."""

import keras
import numpy as np
import pytest

from kittidet.config import TrainConfig
from kittidet.training.optimizer import averaged_weights, build_optimizer, clip_twice, moving_statistics

SETTINGS = {"clip_norm": 10.0, "ema_decay": 0.9, "weight_decay": 0.0}


def build(model, **recipe):
    return build_optimizer(TrainConfig(**{**SETTINGS, **recipe}), learning_rate=0.1, model=model)


def ones_like(model):
    return [keras.ops.ones_like(v) for v in model.trainable_variables]


def values(variables):
    return [np.array(keras.ops.convert_to_numpy(v)) for v in variables]


def clipped(*grads):
    owners = np.repeat(np.arange(len(grads), dtype=np.int32), [len(g) for g in grads])
    found = np.asarray(clip_twice(np.concatenate(grads), owners, count=len(grads), clip_norm=10.0))
    return np.split(found, np.cumsum([len(g) for g in grads])[:-1])


def test_small_gradients_pass_unchanged():
    grads = [np.array([3.0, 4.0], np.float32), np.zeros(2, np.float32)]
    for found, given in zip(clipped(*grads), grads, strict=True):
        np.testing.assert_allclose(found, given)


def test_clipping_has_two_stages_which_one_global_stage_is_not():
    # Norms 500 and 10: first both have norm 10; together sqrt(200), scaled to 10.
    large, small = clipped(np.array([300.0, 400.0], np.float32), np.array([6.0, 8.0], np.float32))
    share = 10 / np.sqrt(200)
    np.testing.assert_allclose(large, np.array([6, 8]) * share, rtol=1e-6)
    np.testing.assert_allclose(small, np.array([6, 8]) * share, rtol=1e-6)


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_five_updates_move_the_weights_as_keras_own_optimiser_does(tiny_network, kind):
    ours = build(tiny_network, optimizer=kind, clip_norm=1e4, ema_decay=0.0, weight_decay=0.1)
    start = values(tiny_network.trainable_variables)
    grads = [[keras.random.normal(v.shape, seed=n) for v in tiny_network.trainable_variables] for n in range(5)]
    for each in grads:
        ours.apply(each)
    moved = values(tiny_network.trainable_variables)
    for variable, value in zip(tiny_network.trainable_variables, start, strict=True):
        variable.assign(value)
    theirs = keras.optimizers.SGD(0.1, momentum=0.9) if kind == "sgd" else keras.optimizers.AdamW(0.1, weight_decay=0.1)
    if kind == "adamw":
        theirs.exclude_from_weight_decay(var_list=[v for v in tiny_network.trainable_variables if v.name != "kernel"])
    for each in grads:
        theirs.apply(each, tiny_network.trainable_variables)
    for found, expected in zip(moved, values(tiny_network.trainable_variables), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_step_moves_no_further_than_the_clipped_gradient(tiny_network):
    optimizer = build(tiny_network)
    before = values(tiny_network.trainable_variables)
    optimizer.apply([1000 * g for g in ones_like(tiny_network)])
    moved = np.concatenate(
        [(a - b).ravel() for a, b in zip(values(tiny_network.trainable_variables), before, strict=True)]
    )
    assert np.linalg.norm(moved) == pytest.approx(0.1 * 10, rel=1e-4)


def test_the_average_starts_at_the_first_weights_and_its_memory_grows(tiny_network):
    optimizer = build(tiny_network)
    expected = None
    for update in range(4):
        optimizer.apply(ones_like(tiny_network))
        weight = values(tiny_network.trainable_variables)[0]
        decay = min(0.9, (1 + update) / (10 + update))
        expected = weight if expected is None else decay * expected + (1 - decay) * weight
    np.testing.assert_allclose(values([optimizer.averages()[0][1]])[0], expected, rtol=1e-5, atol=1e-7)


def test_batch_norm_statistics_are_averaged_with_the_weights(tiny_network):
    optimizer = build(tiny_network)
    statistics = moving_statistics(tiny_network)
    assert len(statistics) == 10  # five levels, mean and variance
    optimizer.apply(ones_like(tiny_network))
    first = values(statistics)[0]
    statistics[0].assign(first + 1)
    optimizer.apply(ones_like(tiny_network))
    average = {id(v): a for v, a in optimizer.averages()}[id(statistics[0])]
    decay = 2 / 11
    np.testing.assert_allclose(values([average])[0], decay * first + (1 - decay) * (first + 1), rtol=1e-5)


def test_frozen_batch_norms_are_left_out_of_the_average(tiny_network):
    for layer in tiny_network.layers:
        if layer.name.startswith("norm"):
            layer.trainable = False
    assert moving_statistics(tiny_network) == []


def test_averaged_weights_are_in_the_model_only_inside_the_block(tiny_network):
    optimizer = build(tiny_network)
    for _ in range(3):
        optimizer.apply(ones_like(tiny_network))
    trained, averages = values(tiny_network.variables), values(a for _, a in optimizer.averages())
    with averaged_weights(optimizer):
        inside = values(v for v, _ in optimizer.averages())
    for found, expected in zip(inside, averages, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert any((a != b).any() for a, b in zip(values(tiny_network.variables), inside, strict=False))
    for found, expected in zip(values(tiny_network.variables), trained, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_without_a_decay_there_is_no_average(tiny_network):
    optimizer = build(tiny_network, ema_decay=0.0)
    optimizer.apply(ones_like(tiny_network))
    assert optimizer.averages() == []


def test_adamw_decays_kernels_alone(tiny_network):
    optimizer = build(tiny_network, optimizer="adamw", weight_decay=0.5)
    for variable in tiny_network.trainable_variables:
        variable.assign(keras.ops.ones_like(variable))
    optimizer.apply([keras.ops.zeros_like(v) for v in tiny_network.trainable_variables])
    for variable in tiny_network.trainable_variables:
        expected = 1 - 0.1 * 0.5 if variable.name == "kernel" else 1.0
        np.testing.assert_allclose(values([variable])[0], expected, rtol=1e-6)


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_the_configuration_builds_an_equal_optimizer(tiny_network, kind):
    optimizer = build(tiny_network, optimizer=kind)
    again = type(optimizer).from_config(optimizer.get_config())
    assert (again.clip_norm, again.ema_decay) == (10.0, 0.9)


def test_under_loss_scaling_a_gradient_that_overflowed_moves_nothing_but_the_scale(tiny_network):
    inner = build(tiny_network, optimizer="adamw")
    outer = keras.optimizers.LossScaleOptimizer(inner, initial_scale=8.0)
    outer.build(tiny_network.trainable_variables)
    outer.apply([8.0 * g for g in ones_like(tiny_network)])
    moved = values([*tiny_network.trainable_variables, *inner.variables])
    assert int(inner.iterations) == 1
    assert float(inner.gradient_norm) == pytest.approx(sum(g.size for g in values(ones_like(tiny_network))) ** 0.5)
    broken = ones_like(tiny_network)
    broken[3] = broken[3] * float("inf")
    outer.apply(broken)
    for found, expected in zip(values([*tiny_network.trainable_variables, *inner.variables]), moved, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert float(outer.dynamic_scale) == 4.0
