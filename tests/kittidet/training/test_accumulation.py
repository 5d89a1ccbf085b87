"""A step in parts is the step of the whole batch: gradients, losses, statistics of the optimiser."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from fixtures.tiny_models import INPUT_HW, tiny_efficientdet

from kittidet.config import TrainConfig
from kittidet.model import backbone
from kittidet.model.anchors import build_anchors
from kittidet.model.efficientdet import build_efficientdet
from kittidet.model.normalization import batch_norms
from kittidet.training.accumulation import AccumulatingDetector
from kittidet.training.model import TrainableDetector
from kittidet.training.optimizer import FineTuneSGD

ANCHORS = build_anchors("d0", input_hw=INPUT_HW)


def a_batch():
    """Eight images, of which the first half holds two objects each, the second half none or one."""
    draws = np.random.default_rng(5)
    corner = draws.uniform((0, 0), (80, 30), (8, 2, 2))
    boxes = np.concatenate([corner, corner + draws.uniform(12, 40, (8, 2, 2))], axis=-1)
    return {
        "image": tf.constant(draws.normal(size=(8, *INPUT_HW, 3)).astype(np.float32)),
        "boxes_xyxy": tf.constant(boxes.astype(np.float32)),
        "class_ids": tf.constant([[1, 2]] * 4 + [[3, 0], [0, 0], [8, 0], [0, 0]]),
        "dont_care_xyxy": tf.constant(np.tile(np.float32([64, 0, 128, 20]), (8, 1, 1))),
    }


def trained(build, micro_batch, *, steps, recipe=None):
    """Gradients of each step as the optimiser gets them, the weights at the end, and the last losses."""
    recipe = recipe or TrainConfig(iou_loss="giou")
    keras.utils.set_random_seed(1)
    network = build("d0", 8, INPUT_HW)
    for norm in [*batch_norms(network), *(x for x in network.layers if isinstance(x, keras.layers.BatchNormalization))]:
        norm.trainable = False
    common = {"anchors_xyxy": ANCHORS, "recipe": recipe}
    detector = (
        TrainableDetector(network, **common)
        if micro_batch == 8
        else AccumulatingDetector(network, micro_batch=micro_batch, **common)
    )
    seen = []

    class Recording(FineTuneSGD):
        def apply(self, grads, trainable_variables=None):
            grads = list(grads)
            seen.append(np.concatenate([np.ravel(g) for g in grads]))
            super().apply(grads, trainable_variables)

    optimizer = Recording(learning_rate=0.02, momentum=0.9, clip_norm=10.0, ema_decay=0.9)
    optimizer.build(detector.trainable_variables)
    detector.compile(optimizer=optimizer, jit_compile=False, auto_scale_loss=False, run_eagerly=True)
    for _ in range(steps):
        detector.reset_metrics()
        logs = detector.train_step(a_batch())
    assert int(optimizer.iterations) == steps
    return seen, np.concatenate([np.ravel(w) for w in network.get_weights()]), {k: float(v) for k, v in logs.items()}


@pytest.fixture(scope="module")
def whole():
    return trained(tiny_efficientdet, 8, steps=5)


@pytest.mark.parametrize("micro_batch", [4, 2, pytest.param(1, marks=pytest.mark.slow)])
def test_parts_give_the_gradients_the_weights_and_the_losses_of_the_whole(whole, micro_batch):
    gradients, weights, losses = trained(tiny_efficientdet, micro_batch, steps=5)
    for found, expected in zip(gradients, whole[0], strict=True):
        assert np.linalg.norm(found - expected) <= 1e-5 * np.linalg.norm(expected)
    np.testing.assert_allclose(weights, whole[1], atol=1e-5)
    assert losses == pytest.approx(whole[2], rel=1e-5)
    assert losses["num_positives"] > 8


@pytest.mark.slow
def test_the_parts_of_the_real_network_are_the_whole_where_nothing_is_drawn(monkeypatch):
    monkeypatch.setattr(backbone, "drop_connect", lambda inputs, _probability, _seed: inputs)
    whole, parts = (trained(build_efficientdet, n, steps=1) for n in (8, 2))
    assert np.linalg.norm(whole[0][0] - parts[0][0]) <= 1e-5 * np.linalg.norm(whole[0][0])
    np.testing.assert_allclose(whole[1], parts[1], atol=1e-5)


def test_the_graph_does_not_grow_with_the_number_of_parts():
    sizes = {}
    for micro_batch in (4, 1):
        detector = AccumulatingDetector(
            tiny_efficientdet("d0", 8, INPUT_HW), micro_batch=micro_batch, anchors_xyxy=ANCHORS, recipe=TrainConfig()
        )
        optimizer = FineTuneSGD(learning_rate=0.02, momentum=0.9, clip_norm=10.0, ema_decay=0.9)
        optimizer.build(detector.trainable_variables)
        detector.compile(optimizer=optimizer, jit_compile=False, auto_scale_loss=False)
        step = tf.function(detector.train_step).get_concrete_function(a_batch())
        sizes[micro_batch] = len(step.graph.as_graph_def().node)
    assert sizes[4] == sizes[1]
