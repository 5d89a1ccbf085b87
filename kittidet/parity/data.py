"""Parity of what surrounds the network: the letterbox before it, the COCO metric after it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kittidet.data.augment import scale_and_offset
from kittidet.detect.letterbox import fit_letterbox, resized_hw
from kittidet.detect.preprocess import normalise_pad, resize_crop
from kittidet.eval.coco import score_coco
from kittidet.model.scaling import IMAGENET_MEAN, IMAGENET_STD
from kittidet.parity.comparison import Arrays, Comparison, compare

_INPUTS = {"eval_512": (512, 512), "eval_384x1280": (384, 1280)}
_CROPS = ("train_up", "train_down", "train_one")
_TRAIN_INPUT_HW = (512, 512)


def check_preprocess(_file: Path, arrays: Arrays) -> Iterator[Comparison]:
    """The letterboxed frame and its boxes; the training crops with the reference's draws."""
    image = arrays["image"]
    size_wh = (image.shape[1], image.shape[0])
    pixels = arrays["boxes_norm"][:, [1, 0, 3, 2]] * np.tile(np.array(size_wh, np.float32), 2)
    for name, input_hw in _INPUTS.items():
        resized = resized_hw(size_wh, input_hw)
        yield compare(name, "size", resized, arrays[f"{name}/scaled_hw"], rtol=0.0)
        found = _network_input(image, resized, (0, 0), input_hw)
        yield compare(name, "pixels", found, arrays[f"{name}/image"], rtol=0.0, atol=1e-4)
        # The reference clips to the last pixel, this project leaves a box its real extent.
        limit = np.tile([input_hw[1] - 1, input_hw[0] - 1], 2)
        boxes = np.minimum(fit_letterbox(size_wh, input_hw).to_input(pixels), limit)
        yield compare(name, "boxes", boxes, arrays[f"{name}/boxes"][:, [1, 0, 3, 2]], rtol=0.0, atol=1e-3)
    for name in _CROPS:
        scale, y, x = (np.float32(draw) for draw in arrays[f"{name}/draws_scale_offy_offx"])
        crop_hw, offset = scale_and_offset(
            np.array(size_wh, np.int32), _TRAIN_INPUT_HW, scale=scale, offset_y=y, offset_x=x
        )
        yield compare(name, "size", crop_hw, arrays[f"{name}/scaled_hw"], rtol=0.0)
        found = _network_input(image, crop_hw, offset, _TRAIN_INPUT_HW)
        yield compare(name, "pixels", found, arrays[f"{name}/image"], rtol=0.0, atol=1e-4)


def _network_input(image: np.ndarray, resized: Any, offset: Any, input_hw: tuple[int, int]) -> np.ndarray:
    cropped = resize_crop(image, resized_hw=np.int32(resized), offset_hw=np.int32(offset), input_hw=input_hw)
    return np.asarray(normalise_pad(cropped, input_hw=input_hw, pixel_mean=IMAGENET_MEAN, pixel_std=IMAGENET_STD))


def check_coco(_file: Path, arrays: Arrays) -> Iterator[Comparison]:
    """The twelve COCO statistics and the AP of each class, from both engines."""
    annotations: list[dict[str, Any]] = []
    for image, rows in enumerate(arrays["groundtruth_data"]):
        for y1, x1, y2, x2, crowd, area, kind in rows[rows[:, 6] > 0].tolist():
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": int(kind),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": area,
                    "iscrowd": int(crowd),
                }
            )
    truth = {
        "images": [{"id": i, "width": 1000, "height": 1000} for i in range(len(arrays["groundtruth_data"]))],
        "annotations": annotations,
        "categories": [{"id": i, "name": f"class {i}"} for i in (1, 2, 3)],
    }
    results = arrays["detections"].reshape(-1, 7).astype(np.float64)
    expected = arrays["metrics"]
    for engine in ("pycocotools", "hotcoco"):
        scores = score_coco(truth, results[results[:, 6] > 0], engine=engine)
        summary = [
            -1 if value is None else value for value in list(scores.to_json().values())[: len(arrays["metric_names"])]
        ]
        yield compare(engine, "12 statistics", summary, expected[: len(summary)], rtol=0.0, atol=1e-6)
        per_class = [value for value in scores.per_class_ap.values() if value is not None]
        yield compare(engine, "AP of each class", per_class, expected[len(summary) :], rtol=0.0, atol=1e-6)
