"""The detector's loss is the sum of its parts, and its training step is the reference's."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kittidet.config import TrainConfig
from kittidet.model.anchors import build_anchors
from kittidet.model.efficientdet import build_efficientdet
from kittidet.model.pretrained import load_reference_arrays
from kittidet.model.reference_names import reference_variables
from kittidet.model.reference_rule import weights_by_rule
from kittidet.training.model import TrainableDetector
from kittidet.training.optimizer import FineTuneSGD

GOLDEN = Path(__file__).parents[2] / "golden" / "train_step.npz"
ANCHORS = build_anchors("d0", input_hw=(64, 128))
LOSSES = {"cls_loss": "cls_loss", "box_loss": "box_loss", "l2_loss": "reg_l2_loss", "loss": "loss"}


def drawn_batch():
    draws = np.random.default_rng(5)
    return {
        "image": tf.constant(draws.normal(size=(2, 64, 128, 3)).astype(np.float32)),
        "boxes_xyxy": tf.constant([[[10, 10, 50, 40], [0, 0, 0, 0]], [[60, 5, 100, 60], [0, 20, 30, 50]]], tf.float32),
        "class_ids": tf.constant([[1, 0], [2, 8]]),
        "dont_care_xyxy": tf.constant([[[64, 0, 128, 64]], [[0, 0, 0, 0]]], tf.float32),
    }


def test_the_loss_is_the_weighted_sum_of_the_reported_parts(tiny_network):
    recipe = TrainConfig(box_loss_weight=7.0, iou_loss="giou", iou_loss_weight=3.0)
    detector, batch = TrainableDetector(tiny_network, anchors_xyxy=ANCHORS, recipe=recipe), drawn_batch()
    parts = {k: float(v) for k, v in detector.loss_parts(batch, detector(batch)).items()}
    loss = float(detector.compute_loss(x=batch, y_pred=detector(batch)))
    assert min(parts.values()) > 0
    assert loss == pytest.approx(
        parts["cls_loss"] + 7 * parts["box_loss"] + 3 * parts["iou_loss"] + parts["l2_loss"], rel=1e-5
    )
    assert {name: float(tracker.result()) for name, tracker in detector.trackers.items()} == pytest.approx(parts)


def test_dont_care_regions_lower_the_class_loss_only_when_asked_to(tiny_network):
    costs = {}
    for ignore in (True, False):
        detector = TrainableDetector(tiny_network, anchors_xyxy=ANCHORS, recipe=TrainConfig(ignore_dont_care=ignore))
        costs[ignore] = detector.loss_parts(drawn_batch(), detector(drawn_batch()))
    assert float(costs[True]["cls_loss"]) < float(costs[False]["cls_loss"])
    assert float(costs[True]["box_loss"]) == float(costs[False]["box_loss"])


def test_a_region_of_one_class_takes_that_class_alone_out_of_the_class_loss(tiny_network):
    """No gradient on the scores of class 3 at anchors inside, a Van's for Car; on those of others as before."""
    detector = TrainableDetector(tiny_network, anchors_xyxy=ANCHORS, recipe=TrainConfig())
    outputs = {name: tf.convert_to_tensor(value) for name, value in detector(drawn_batch()).items()}
    slopes = []
    for batch in (drawn_batch() | {"dont_care_xyxy": tf.zeros((2, 1, 4))}, drawn_batch()):
        batch["dont_care_class_ids"] = tf.constant([[3], [0]])
        with tf.GradientTape() as tape:
            tape.watch(outputs["class_logits"])
            loss = detector.loss_parts(batch, outputs)["cls_loss"]
        slopes.append(tape.gradient(loss, outputs["class_logits"]).numpy())
    without, with_region = slopes
    changed = np.argwhere(without != with_region)
    assert {(image, class_place) for image, _, class_place in changed.tolist()} == {(0, 2)}
    anchors = np.unique(changed[:, 1])
    inside = np.flatnonzero(
        (ANCHORS[:, 0] >= 64) & (ANCHORS[:, 2] <= 128) & (ANCHORS[:, 1] >= 0) & (ANCHORS[:, 3] <= 64)
    )
    assert set(inside) <= set(anchors)
    assert (without[0, anchors, 2] != 0).all()
    assert not with_region[0, anchors, 2].any()


def test_adamw_has_no_penalty_in_its_loss(tiny_network):
    detector = TrainableDetector(tiny_network, anchors_xyxy=ANCHORS, recipe=TrainConfig(optimizer="adamw"))
    assert float(detector.loss_parts(drawn_batch(), detector(drawn_batch()))["l2_loss"]) == 0


def test_anchors_of_another_size_are_refused(tiny_network):
    with pytest.raises(ValueError, match="anchors"):
        TrainableDetector(tiny_network, anchors_xyxy=ANCHORS[:-1], recipe=TrainConfig())


def test_a_training_step_equals_the_references_excerpt():
    """d0 at 128x128, batch 2, batch norm in training: losses, gradients before clipping, weights after the step.

    `kittidet parity` compares more of the same: 64 values of each variable, and three steps.
    """
    with np.load(GOLDEN) as golden:
        arrays = {name: golden[name] for name in golden.files}
    network = build_efficientdet("d0", 3, (128, 128))
    named = reference_variables(network)
    load_reference_arrays(network, weights_by_rule({n: tuple(v.shape) for n, v in named.items()}), strict=True)
    detector = TrainableDetector(network, anchors_xyxy=build_anchors("d0", input_hw=(128, 128)), recipe=TrainConfig())
    raw = {}

    class Recording(FineTuneSGD):
        def apply(self, grads, trainable_variables=None):
            grads = list(grads)
            if not raw:
                raw.update({id(v): np.asarray(g).ravel() for v, g in zip(trainable_variables, grads, strict=True)})
            super().apply(grads, trainable_variables)

    optimizer = Recording(learning_rate=0.0, momentum=0.9, clip_norm=10.0, ema_decay=0.0)
    detector.compile(optimizer=optimizer, run_eagerly=True, jit_compile=False)
    for step, learning_rate in enumerate(arrays["learning_rate"]):
        optimizer.learning_rate = float(learning_rate)
        detector.reset_metrics()
        batch = excerpt_batch(arrays)
        if step == 0:
            logs = detector.train_step(batch)
        else:  # its losses follow from the step before; where it leads is not in the excerpt
            loss = detector.compute_loss(x=batch, y_pred=detector(batch, training=True))
            logs = {"loss": loss, **{name: tracker.result() for name, tracker in detector.trackers.items()}}
        expected = {ours: float(arrays[theirs][step]) for ours, theirs in LOSSES.items()}
        assert {name: float(logs[name]) for name in LOSSES} == pytest.approx(expected, rel=1e-4), step
        if step == 0:
            gradients = [raw[id(named[name])] for name in sorted(n for n, v in named.items() if v.trainable)]
            check_equal(gradients, arrays["grad_l2"], arrays["grad_first"])
            values = [keras.ops.convert_to_numpy(named[name]).ravel() for name in sorted(named)]
            check_equal(values, arrays["after_l2"], arrays["after_first"])


def excerpt_batch(arrays):
    boxes, class_ids = np.zeros((2, 3, 4), np.float32), np.zeros((2, 3), np.int32)
    for i, (end, count) in enumerate(zip(np.cumsum(arrays["boxes_each"]), arrays["boxes_each"], strict=True)):
        boxes[i, :count] = arrays["boxes_yxyx"][end - count : end, [1, 0, 3, 2]]
        class_ids[i, :count] = arrays["labels"][end - count : end]
    return {
        "image": np.random.default_rng(21).normal(size=(2, 128, 128, 3)).astype(np.float32),
        "boxes_xyxy": boxes,
        "class_ids": class_ids,
        "dont_care_xyxy": np.zeros((2, 1, 4), np.float32),
    }


def check_equal(found, norms, firsts):
    """Compare the norm and the first value of each variable with what the reference wrote."""
    np.testing.assert_allclose([np.linalg.norm(v) for v in found], norms, rtol=2e-3, atol=2e-4)
    np.testing.assert_array_less(np.abs([v[0] for v in found] - firsts), 2e-3 * np.maximum(norms, 0.1))
