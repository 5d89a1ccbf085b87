"""Parity of the network: anchors, raw outputs, decoded detections."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kittidet.model.anchors import build_anchors
from kittidet.model.decode import decode_detections
from kittidet.model.efficientdet import EfficientDet, build_efficientdet
from kittidet.model.pretrained import load_reference_arrays
from kittidet.model.reference_names import reference_variables
from kittidet.model.reference_rule import image_by_rule, weights_by_rule
from kittidet.model.scaling import ANCHORS_PER_CELL
from kittidet.parity.comparison import Arrays, Comparison, compare

NUM_CLASSES = 3
_ANCHOR_FILES = {
    "anchors_512": ("d0", (512, 512)),
    "anchors_d0_384x1280": ("d0", (384, 1280)),
    "anchors_lite0_320": ("lite0", (320, 320)),
}


def build_by_rule(variant: str, input_hw: tuple[int, int]) -> EfficientDet:
    """Return a model of three classes with the weights that the reference was run with."""
    model = build_efficientdet(variant, NUM_CLASSES, input_hw)
    shapes = {name: tuple(variable.shape) for name, variable in reference_variables(model).items()}
    load_reference_arrays(model, weights_by_rule(shapes), strict=True)
    return model


def check_anchors(file: Path, arrays: Arrays) -> Iterator[Comparison]:
    """Anchors are equal bit for bit."""
    variant, input_hw = _ANCHOR_FILES[file.stem]
    found = build_anchors(variant, input_hw=input_hw)
    yield compare(variant, "anchors", found, arrays["anchors_yxyx"][:, [1, 0, 3, 2]], rtol=0.0)


def check_forward(file: Path, arrays: Arrays) -> Iterator[Comparison]:
    """Raw outputs of all levels, in the order of the anchors."""
    variant = file.stem.removeprefix("efficientdet-").split("_")[0]
    width, height = (
        int(side) for side in (file.stem if "_" in file.stem else file.parent.name).split("_")[1].split("x")
    )
    levels = sorted(int(name.removeprefix("class_p")) for name in arrays if name.startswith("class_p"))
    model = build_by_rule(variant, (height, width))
    outputs = model(image_by_rule(height, width), training=False)
    for key, part in (("class_logits", "class"), ("box_codes", "box")):
        maps = [arrays[f"{part}_p{level}"] for level in levels]
        values = maps[0].shape[-1] // ANCHORS_PER_CELL
        expected = np.concatenate([m.reshape(len(m), -1, values) for m in maps], axis=1)
        found = keras.ops.convert_to_numpy(outputs[key])
        yield compare(variant, key, found, expected, rtol=1e-4, atol=1e-4)
    keras.backend.clear_session()


def check_postprocess(_file: Path, arrays: Arrays) -> Iterator[Comparison]:
    """Detections of every mode of the reference's non-maximum suppression."""
    size, classes = int(arrays["image_size"]), int(arrays["num_classes"])
    images = len(arrays["image_scales"])
    outputs = {
        name: np.concatenate([arrays[f"{key}_{level}"].reshape(images, -1, n) for level in range(5)], axis=1)
        for name, key, n in (("class_logits", "cls", classes), ("box_codes", "box", 4))
    }
    scales = arrays["image_scales"][:, None, None]
    for name in sorted(k.removesuffix("/valid") for k in arrays if k.endswith("/valid")):
        mode, method, candidates = name.split("/")
        # As one graph: step by step the suppression takes ten times as long.
        decode = tf.function(
            partial(
                decode_detections,
                outputs,
                build_anchors("d0", input_hw=(size, size)),
                input_hw=(size, size),
                nms="soft" if method == "gaussian" else "hard",
                score_threshold=0.001 if method == "gaussian" else 0.0,
                max_detections=arrays[f"{name}/scores"].shape[1],
                per_class=mode == "per_class",
                clip=mode == "global",
                max_candidates=int(candidates.removeprefix("topk")) if candidates.startswith("topk") else None,
            )
        )
        found = decode()
        ours = {key: keras.ops.convert_to_numpy(value) for key, value in found.items()}
        boxes = arrays[f"{name}/boxes"][..., [1, 0, 3, 2]]
        yield compare(name, "boxes", ours["boxes_xyxy"] * scales, boxes, rtol=0.0, atol=1e-4)
        yield compare(name, "scores", ours["scores"], arrays[f"{name}/scores"], rtol=1e-5)
        yield compare(name, "classes", ours["class_ids"], arrays[f"{name}/classes"], rtol=0.0)
        yield compare(name, "valid", ours["num_valid"], arrays[f"{name}/valid"], rtol=0.0)
