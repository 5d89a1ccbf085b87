"""The pictures that source and export are compared on, and the source's own answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from kittidet.boxes import clip_xyxy
from kittidet.config import EvalConfig
from kittidet.detect.checkpoint import LoadedDetector
from kittidet.detect.images import read_image
from kittidet.detect.letterbox import Letterbox
from kittidet.detect.predictor import Predictor
from kittidet.export.agreement import Candidates
from kittidet.frame import Detections
from kittidet.kitti.tree import open_tree
from kittidet.model.anchors import build_anchors
from kittidet.model.box_coder import decode_boxes
from kittidet.synthetic import render_dataset

Outputs = dict[str, npt.NDArray[np.float32]]
RawModel = Callable[[npt.NDArray[np.float32]], Outputs]

# Few, for each goes through source and export; always the same, so that two exports are judged alike.
_FRAMES, _SEED = 3, 3


@dataclass(frozen=True, slots=True)
class CheckSet:
    """Pictures of several sizes and what the source model makes of them.

    Attributes:
        encoded: the files' bytes.
        names: one a picture.
        images: ``[n, h, w, 3]`` float32, letterboxed and normalised.
        letterboxes: the way back, one a picture.
        sizes_wh: of the originals, pixels.
        detections: of the source, original pixels.
        raw: of the source: ``class_logits``, ``box_codes``.
    """

    encoded: list[bytes]
    names: list[str]
    images: npt.NDArray[np.float32]
    letterboxes: list[Letterbox]
    sizes_wh: list[tuple[int, int]]
    detections: list[Detections]
    raw: Outputs


def build_check_set(detector: LoadedDetector, *, evaluation: EvalConfig, pictures: Sequence[Path] = ()) -> CheckSet:
    """Return the pictures, drawn from a seed where none are given, with the source's answers.

    Raises:
        EvaluationError: if a given picture cannot be read.
    """
    with TemporaryDirectory() as folder:
        paths = list(pictures) or _draw(Path(folder))
        read = [read_image(path) for path in paths]
        encoded = [path.read_bytes() for path in paths]
    predictor = Predictor(detector, config=evaluation)
    placed = [predictor.place(picture.pixels) for picture in read]
    images = np.stack([np.asarray(image) for image, _ in placed])
    rows = np.stack([row for _, row in placed])
    names = [f"{i}-{picture.name}" for i, picture in enumerate(read)]
    sizes = [picture.size_wh for picture in read]
    return CheckSet(
        encoded,
        names,
        images,
        [Letterbox.from_row(row) for row in rows],
        sizes,
        predictor.detect(images, names, rows, np.array(sizes)),
        {name: np.asarray(value) for name, value in detector.network(images, training=False).items()},
    )


def candidates_of(raw: Outputs, detector: LoadedDetector) -> Candidates:
    """Return class probabilities ``[n, A, K]`` and boxes ``[n, A, 4]``, canvas pixels, of raw outputs."""
    model = detector.model_config
    input_hw = (int(model.input_hw[0]), int(model.input_hw[1]))
    anchors = build_anchors(model.variant, input_hw=input_hw, anchor_scale=model.anchor_scale)
    probabilities = 1 / (1 + np.exp(-raw["class_logits"].astype(np.float64)))
    return probabilities, np.asarray(decode_boxes(raw["box_codes"], anchors))


def to_detections(name: str, xyxy: Any, scores: Any, class_ids: Any, size_wh: tuple[int, int]) -> Detections:
    """Return detections clipped to the picture, without boxes that lay in its padding alone.

    Args:
        name: of the picture.
        xyxy: ``[n, 4]`` original pixels.
        scores: ``[n]`` or longer.
        class_ids: ``[n]`` or longer.
        size_wh: of the picture, pixels.
    """
    n = len(xyxy)
    clipped = clip_xyxy(np.asarray(xyxy, np.float32), size_wh)
    real = (clipped[:, 2] > clipped[:, 0]) & (clipped[:, 3] > clipped[:, 1])
    return Detections(
        name, clipped[real], np.asarray(scores[:n], np.float32)[real], np.asarray(class_ids[:n], np.int32)[real]
    )


def _draw(folder: Path) -> list[Path]:
    root = render_dataset(folder / "kitti", frames=_FRAMES, seed=_SEED, zips=False, workers=1)
    tree = open_tree(root)
    return [tree.image_path(frame_id) for frame_id in tree.frame_ids]
