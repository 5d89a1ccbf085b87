"""Parity of training: targets, losses, gradients, whole steps, the learning rate."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kittidet.config import TrainConfig
from kittidet.model.anchors import build_anchors
from kittidet.model.efficientdet import EfficientDet
from kittidet.model.reference_names import reference_variables
from kittidet.parity.comparison import Arrays, Comparison, compare
from kittidet.parity.model import build_by_rule
from kittidet.training.losses import focal_loss, huber_box_loss, iou_box_loss, normalizer_of
from kittidet.training.model import TrainableDetector
from kittidet.training.optimizer import FineTuneSGD
from kittidet.training.schedule import WarmupDecay
from kittidet.training.targets import Targets, assign_targets

LEVELS = range(3, 8)
STEPS = 3
# Two runs of three agree with the reference; see `check_train_step`.
RUNS = 8
# The published recipe, whatever this project's own defaults are.
FOCAL = {"alpha": 0.25, "gamma": 1.5}
HUBER_DELTA = 0.1
BOX_WEIGHT = 50.0
RECIPE = TrainConfig(
    focal_alpha=FOCAL["alpha"], focal_gamma=FOCAL["gamma"], label_smoothing=0.0, huber_delta=HUBER_DELTA,
    box_loss_weight=BOX_WEIGHT, iou_loss="none", l2=4e-5, optimizer="sgd", ignore_dont_care=False,
)  # fmt: skip


def check_losses(_file: Path, arrays: Arrays) -> Iterator[Comparison]:
    """Targets of each ground-truth set; losses and gradients of each batch."""
    anchors = build_anchors("d0", input_hw=(512, 512))
    for case in sorted(k.removesuffix("/num_positives") for k in arrays if k.endswith("/num_positives")):
        targets = _targets(arrays, [case], anchors)
        classes, codes = _stored(arrays, f"{case}/cls_targets", 1), _stored(arrays, f"{case}/box_targets", 4)
        yield compare(case, "class targets", targets.class_ids, np.maximum(classes[..., 0] + 1, 0), rtol=0.0)
        yield compare(case, "box targets", targets.box_codes, codes, rtol=1e-6, atol=1e-6)
        yield compare(case, "positives", targets.num_positives, [arrays[f"{case}/num_positives"]], rtol=0.0)
    for batch in sorted(k.removesuffix("/cases") for k in arrays if k.endswith("/cases")):
        yield from _check_batch(arrays, batch, anchors)


def _check_batch(arrays: Arrays, batch: str, anchors: Any) -> Iterator[Comparison]:
    targets = _targets(arrays, [str(case) for case in arrays[f"{batch}/cases"]], anchors)
    logits = tf.constant(_stored(arrays, f"{batch}/cls_out", 3))
    codes = tf.constant(_stored(arrays, f"{batch}/box_out", 4))
    normalizer = normalizer_of(targets)
    with tf.GradientTape() as tape:
        tape.watch([logits, codes])
        classes = focal_loss(logits, targets, normalizer=normalizer, label_smoothing=0.0, **FOCAL)
        boxes = huber_box_loss(codes, targets, normalizer=normalizer, delta=HUBER_DELTA)
        total = classes + BOX_WEIGHT * boxes
    gradients = tape.gradient(total, [logits, codes])
    smooth = focal_loss(logits, targets, normalizer=normalizer, label_smoothing=0.1, **FOCAL)
    found = {
        "default/cls_loss": classes,
        "default/box_loss": boxes,
        "default/det_loss": total,
        "tf1/det_loss": total,
        "ls01/cls_loss": smooth,
        **{
            f"{kind}/box_iou_loss": iou_box_loss(codes, targets, anchors, normalizer=normalizer, kind=kind)
            for kind in ("giou", "ciou")
        },
    }
    for name, value in found.items():
        yield compare(batch, name, value, arrays[f"{batch}/{name}"], rtol=1e-5, atol=1e-7)
    if f"{batch}/grad_cls_{LEVELS[0]}" in arrays:
        for part, gradient, values in (("cls", gradients[0], 3), ("box", gradients[1], 4)):
            expected = _stored(arrays, f"{batch}/grad_{part}", values)
            yield compare(batch, f"gradient of {part}", gradient, expected, rtol=1e-5, atol=1e-8)


def _targets(arrays: Arrays, cases: list[str], anchors: Any) -> Targets:
    return assign_targets(*_padded(arrays, cases), anchors)


def _padded(arrays: Arrays, names: list[str]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Return the stored boxes ``[b, n, 4]`` as ``xyxy`` and their classes ``[b, n]``, padded with 0."""
    most = max(1, *(len(arrays[f"{name}/boxes"]) for name in names))
    boxes, class_ids = np.zeros((len(names), most, 4), np.float32), np.zeros((len(names), most), np.int32)
    for i, name in enumerate(names):
        stored = arrays[f"{name}/boxes"]
        boxes[i, : len(stored)], class_ids[i, : len(stored)] = stored[:, [1, 0, 3, 2]], arrays[f"{name}/labels"]
    return boxes, class_ids


def _stored(arrays: Arrays, prefix: str, values: int) -> Any:
    """Return the levels' maps as ``[b, A, values]``; a stored map without a batch axis is a batch of one."""
    maps = [arrays[f"{prefix}_{level}"] for level in LEVELS]
    maps = [m[None] if m.ndim == 3 else m for m in maps]
    return np.concatenate([m.reshape(len(m), -1, values) for m in maps], axis=1)


def check_train_step(_file: Path, arrays: Arrays) -> Iterator[Comparison]:
    """Three SGD steps of d0: losses, raw gradients, and the weights after the first and the third.

    In the second step the two largest pixels of one window of the max pool from P5 to P6 differ by 4.7e-5 of 1.12 in
    float64, and moving the weights by their own float32 rounding moves that by 2e-5: which of the two gets the
    window's gradient is up to rounding, and moves the third losses by 2e-4 to 2e-3. (In float64 all losses agree
    with the reference's within 1.2e-5.) So where nothing but the third losses is off, the steps are taken again
    from weights moved by one unit in the last place, and have to agree as closely as ever.
    """
    network = build_by_rule("d0", (128, 128))
    start = [keras.ops.convert_to_numpy(v.value) for v in network.variables]
    lines: list[Comparison] = []
    for run in range(RUNS):
        for variable, value in zip(network.variables, start, strict=True):
            variable.assign(one_rounding_off(value, seed=run) if run else value)
        lines = list(_three_steps(network, arrays, suffix=f" of run {run + 1}" if run else ""))
        if not only_last_losses_off(lines):
            break
    yield from lines


def one_rounding_off(value: npt.NDArray[np.float32], *, seed: int) -> npt.NDArray[np.float32]:
    """Return the neighbours of ``value`` in float32, above or below by draw."""
    up = np.random.default_rng(seed).random(value.shape) < 0.5
    return np.nextafter(value, np.where(up, np.inf, -np.inf).astype(np.float32))


def only_last_losses_off(lines: list[Comparison]) -> bool:
    """Whether some losses of the last step are outside their tolerance, and nothing else is."""
    failed = [line for line in lines if not line.passed]
    return bool(failed) and all(line.subject.startswith(f"step {STEPS - 1}") for line in failed)


def _three_steps(network: EfficientDet, arrays: Arrays, *, suffix: str) -> Iterator[Comparison]:
    named = reference_variables(network)
    detector = TrainableDetector(network, anchors_xyxy=build_anchors("d0", input_hw=(128, 128)), recipe=RECIPE)
    optimizer = FineTuneSGD(learning_rate=0.0, momentum=0.9, clip_norm=10.0, ema_decay=0.0)
    variables = network.trainable_variables
    batch = _train_batch(arrays)

    def step() -> tuple[dict[str, Any], list[Any]]:
        with tf.GradientTape() as tape:
            parts = detector.loss_parts(batch, detector(batch, training=True))
            loss = parts["cls_loss"] + BOX_WEIGHT * parts["box_loss"] + parts["l2_loss"]
        gradients = tape.gradient(loss, variables)
        optimizer.apply(gradients, variables)
        return {**parts, "loss": loss}, gradients

    for number in range(STEPS):
        optimizer.learning_rate = float(arrays[f"step{number}/learning_rate"])
        losses, gradients = step()
        names = {"cls_loss": "cls_loss", "box_loss": "box_loss", "l2_loss": "reg_l2_loss", "loss": "loss"}
        for ours, theirs in names.items():
            yield compare(f"step {number}{suffix}", ours, losses[ours], arrays[f"step{number}/{theirs}"], rtol=1e-4)
        if number == 0:
            by_id = {id(v): g for v, g in zip(variables, gradients, strict=True)}
            raw = {n: by_id[id(v)] for n, v in named.items() if id(v) in by_id}
            yield _worst(arrays, "grad", raw, "raw gradients")
        if f"after{number}/{next(iter(named))}#l2" in arrays:
            values = {n: keras.ops.convert_to_numpy(v.value) for n, v in named.items()}
            yield _worst(arrays, f"after{number}", values, f"variables after step {number}")


def _train_batch(arrays: Arrays) -> dict[str, Any]:
    boxes, class_ids = _padded(arrays, [f"gt{i}" for i in range(len(arrays["input"]))])
    nothing = np.zeros((len(boxes), 1, 4), np.float32)
    return {"image": arrays["input"], "boxes_xyxy": boxes, "class_ids": class_ids, "dont_care_xyxy": nothing}


def _worst(arrays: Arrays, kind: str, found: dict[str, Any], outputs: str) -> Comparison:
    """Return the comparison of the variable that is furthest off: its norm and its first 64 values."""
    lines = []
    for name, value in found.items():
        flat = np.ravel(value)
        norm = float(arrays[f"{kind}/{name}#l2"])
        # Relative to the whole variable: gradients that are zero but for rounding have no scale of their own.
        head = compare(name, outputs, flat[:64], arrays[f"{kind}/{name}#head"], rtol=2e-3, atol=2e-3 * max(norm, 0.1))
        lines += [compare(name, outputs, np.linalg.norm(flat), norm, rtol=2e-3, atol=2e-4), head]
    failed = [line for line in lines if not line.passed]
    worst = max(failed or lines, key=lambda line: line.max_abs)
    return Comparison(
        f"{len(found)} variables", f"{outputs}, worst {worst.subject}", worst.max_abs, worst.max_rel, not failed
    )


def check_schedule(_file: Path, arrays: Arrays) -> Iterator[Comparison]:
    """Both of the reference's cosine curves; the other schedules are not offered here."""
    for name, warmup_start in (("tf1_cosine", 0.001), ("tf2_cosine", 0.008)):
        schedule = WarmupDecay(
            peak=0.01, warmup_start=warmup_start, warmup_steps=100, total_steps=5000, shape="reference"
        )
        found = [float(schedule(step)) for step in arrays["steps"]]
        yield compare("batch 8", name, found, arrays[name], rtol=2e-5)
