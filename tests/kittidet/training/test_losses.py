"""Losses and their gradients equal the reference's."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kittidet.model.anchors import build_anchors
from kittidet.training.losses import focal_loss, huber_box_loss, iou_box_loss, l2_loss, normalizer_of
from kittidet.training.targets import Targets, assign_targets

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "losses.npz"
ORACLE = ROOT.parent / "shared" / "oracle" / "loss_cases.npz"
FOCAL = {"alpha": 0.25, "gamma": 1.5, "label_smoothing": 0.0}


@pytest.fixture(scope="module")
def anchors():
    return build_anchors("d0", input_hw=(512, 512))


def reference_targets(cases, anchors):
    """The targets of a batch of the reference's ground-truth sets."""
    with np.load(GOLDEN) as golden:
        boxes = [golden[f"{case}/boxes_xyxy"] for case in cases]
        labels = [golden[f"{case}/labels"] for case in cases]
    most = max(1, *map(len, boxes))
    return assign_targets(
        np.stack([np.pad(b, [(0, most - len(b)), (0, 0)]) for b in boxes]),
        np.stack([np.pad(ids, (0, most - len(ids))) for ids in labels]),
        anchors,
    )


def small_targets(**changes):
    """One image, three anchors: a positive of class 2, a background, an ignored one."""
    values = {
        "is_positive": [[True, False, False]],
        "is_ignored": [[False, False, True]],
        "class_ids": [[2, 0, 0]],
        "box_codes": [[[0.5, 0.0, 0.1, -0.1], [0.0] * 4, [0.0] * 4]],
        "num_positives": [1.0],
        **changes,
    }
    dtypes = {"class_ids": "int32", "box_codes": "float32", "num_positives": "float32"}
    return Targets(**{k: keras.ops.convert_to_tensor(v, dtype=dtypes.get(k, "bool")) for k, v in values.items()})


def test_the_normaliser_is_the_batch_sum_plus_one():
    assert float(normalizer_of(small_targets(num_positives=[2.0, 5.0]))) == 8


def test_ignored_anchors_cost_nothing_whatever_they_say():
    quiet, loud = np.zeros((2, 1, 3, 2), np.float32)
    loud[0, 2] = 50
    costs = [float(focal_loss(x, small_targets(), normalizer=1.0, **FOCAL)) for x in (quiet, loud)]
    assert costs[0] == costs[1] > 0


def test_a_class_that_is_ignored_at_an_anchor_costs_nothing_there_and_the_others_as_before():
    logits = np.random.default_rng(1).normal(0, 2, (1, 3, 2)).astype(np.float32)
    whole = np.repeat([[[False], [False], [True]]], 2, axis=2)
    plain, same = (
        float(focal_loss(logits, targets, normalizer=1.0, **FOCAL))
        for targets in (small_targets(), small_targets(is_ignored=whole))
    )
    assert plain == same
    # Anchor 1 is background; now not for class 1.
    part = whole.copy()
    part[0, 1, 0] = True
    with tf.GradientTape() as tape:
        watched = tf.constant(logits)
        tape.watch(watched)
        less = focal_loss(watched, small_targets(is_ignored=part), normalizer=1.0, **FOCAL)
    slope = tape.gradient(less, watched).numpy()[0]
    assert float(less) < plain
    assert (slope != 0).tolist() == [[True, True], [False, True], [False, False]]


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.5])
@pytest.mark.parametrize("logit", [-200.0, 0.0, 200.0])
def test_value_and_gradient_stay_finite_for_extreme_logits(gamma, logit):
    logits = tf.fill((1, 3, 2), logit)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = focal_loss(logits, small_targets(), normalizer=1.0, alpha=0.25, gamma=gamma, label_smoothing=0.1)
    assert np.isfinite(float(loss))
    assert np.isfinite(tape.gradient(loss, logits).numpy()).all()


def test_huber_is_square_inside_delta_linear_outside_and_skips_targets_of_zero():
    predicted = np.zeros((1, 3, 4), np.float32)
    predicted[0, 0] = [0.45, 9.0, 1.1, -0.1]  # errors 0.05, (target 0: skipped), 1.0, 0
    expected = (0.5 * 0.05**2 + 0.1 * 1.0 - 0.5 * 0.1**2) / 4
    assert float(huber_box_loss(predicted, small_targets(), normalizer=1.0, delta=0.1)) == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["giou", "ciou"])
def test_an_iou_loss_is_zero_for_the_exact_box_and_has_finite_gradients_everywhere(kind):
    anchors = np.array([[0, 0, 10, 10], [5, 5, 9, 9], [0, 0, 4, 4]], np.float32)
    targets = small_targets(box_codes=[[[0.5, 0.2, 0.1, -0.1], [0.0] * 4, [0.0] * 4]])
    assert float(iou_box_loss(targets.box_codes, targets, anchors, normalizer=1.0, kind=kind)) == pytest.approx(
        0, abs=1e-6
    )
    far = tf.constant([[[9.0, 9.0, -9.0, 9.0], [0.0, 0.0, 500.0, 500.0], [0.0, 0.0, 0.0, 0.0]]])
    with tf.GradientTape() as tape:
        tape.watch(far)
        loss = iou_box_loss(far, targets, anchors, normalizer=1.0, kind=kind)
    assert np.isfinite(tape.gradient(loss, far).numpy()).all()


def test_an_unknown_iou_loss_is_refused():
    with pytest.raises(ValueError, match="giou or ciou"):
        iou_box_loss(
            np.zeros((1, 3, 4), np.float32), small_targets(), np.zeros((3, 4), np.float32), normalizer=1.0, kind="x"
        )


def test_l2_counts_kernels_and_nothing_else():
    kernel, pointwise, bias, gamma = (
        keras.Variable(np.full((2,), value, np.float32), name=name)
        for value, name in ((1, "kernel"), (2, "pointwise_kernel"), (3, "bias"), (4, "gamma"))
    )
    assert float(l2_loss([kernel, pointwise, bias, gamma], weight=0.5)) == pytest.approx(0.5 * 0.5 * (2 * 1 + 2 * 4))
    assert float(l2_loss([], weight=0.5)) == 0


def test_gradients_equal_the_references_excerpt(anchors):
    """Levels 5 to 7 of the reference's batch of two; a gradient is local, given the normaliser."""
    with np.load(GOLDEN) as golden:
        arrays = {k: golden[f"b2/{k}_5to7"] for k in ("cls_out", "cls_grad", "box_out", "box_grad")}
    whole = reference_targets(["car_like", "overlap"], anchors)
    count = arrays["cls_out"].shape[1]
    coarse = Targets(
        *(getattr(whole, k)[:, -count:] for k in ("is_positive", "is_ignored", "class_ids", "box_codes")),
        whole.num_positives,
    )
    logits, codes = tf.constant(arrays["cls_out"]), tf.constant(arrays["box_out"])
    normalizer = normalizer_of(whole)
    with tf.GradientTape() as tape:
        tape.watch([logits, codes])
        loss = focal_loss(logits, coarse, normalizer=normalizer, **FOCAL)
        loss += 50 * huber_box_loss(codes, coarse, normalizer=normalizer, delta=0.1)
    for found, name in zip(tape.gradient(loss, [logits, codes]), ("cls_grad", "box_grad"), strict=True):
        assert np.abs(arrays[name]).max() > 1e-3
        np.testing.assert_allclose(found.numpy(), arrays[name], rtol=1e-4, atol=1e-7)


@pytest.fixture(scope="module")
def oracle():
    if not ORACLE.is_file():
        pytest.skip(f"the reference's losses are not here: {ORACLE}")
    with np.load(ORACLE) as arrays:
        yield arrays


def head_outputs(oracle, batch):
    """Logits ``[b, A, 3]`` and codes ``[b, A, 4]`` of one of the reference's batches."""
    size = len(oracle[f"{batch}/cases"])
    return [
        np.concatenate([oracle[f"{batch}/{key}_{level}"].reshape(size, -1, n) for level in range(3, 8)], axis=1)
        for key, n in (("cls_out", 3), ("box_out", 4))
    ]


@pytest.mark.parametrize("batch", ["loss_b1", "loss_b2", "loss_b4", "loss_bempty"])
def test_all_losses_equal_the_reference(oracle, anchors, batch):
    logits, codes = head_outputs(oracle, batch)
    targets = reference_targets([str(case) for case in oracle[f"{batch}/cases"]], anchors)
    normalizer = normalizer_of(targets)
    found = {
        "default/cls_loss": focal_loss(logits, targets, normalizer=normalizer, **FOCAL),
        "ls01/cls_loss": focal_loss(logits, targets, normalizer=normalizer, alpha=0.25, gamma=1.5, label_smoothing=0.1),
        "default/box_loss": huber_box_loss(codes, targets, normalizer=normalizer, delta=0.1),
        "giou/box_iou_loss": iou_box_loss(codes, targets, anchors, normalizer=normalizer, kind="giou"),
        "ciou/box_iou_loss": iou_box_loss(codes, targets, anchors, normalizer=normalizer, kind="ciou"),
    }
    for name, value in found.items():
        assert float(value) == pytest.approx(float(oracle[f"{batch}/{name}"]), rel=1e-5), name
