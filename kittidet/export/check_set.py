"""The images that source and export are compared on, and the source's own answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kittidet.config import EvalConfig
from kittidet.detect.detector import Detector
from kittidet.detect.images import ImageError, LoadedImage, read_image
from kittidet.detect.preprocess import decode_rgb
from kittidet.export.agreement import Candidates
from kittidet.frame import Detections
from kittidet.kitti.tree import open_tree
from kittidet.model.anchors import anchors_of
from kittidet.model.box_coder import decode_boxes
from kittidet.synthetic.dataset import render_dataset

Outputs = dict[str, npt.NDArray[np.float32]]
RawModel = Callable[[npt.NDArray[np.float32]], Outputs]

# A few, since each goes through source and export; always the same ones, so that two exports are judged alike.
_FRAMES, _SEED = 3, 3


@dataclass(frozen=True, slots=True)
class CheckSet:
    """Images of several sizes and what the source model makes of them.

    Attributes:
        encoded: the files' bytes.
        names: one an image.
        images: ``[n, h, w, 3]`` float32, letterboxed and normalised.
        sizes_wh: of the originals, pixels.
        detections: of the source, original pixels.
        raw: of the source: ``class_logits``, ``box_codes``.
    """

    encoded: list[bytes]
    names: list[str]
    images: npt.NDArray[np.float32]
    sizes_wh: list[tuple[int, int]]
    detections: list[Detections]
    raw: Outputs


def build_check_set(detector: Detector, *, evaluation: EvalConfig, images: Sequence[Path] = ()) -> CheckSet:
    """Return the images, synthetic ones from a seed where none are given, with the source's answers.

    Raises:
        ImageError: if a given image cannot be read, or a SavedModel would read it differently.
    """
    with TemporaryDirectory() as folder:
        paths = list(images) or _render(Path(folder))
        encoded = [path.read_bytes() for path in paths]
        read = [_read_alike(path, data) for path, data in zip(paths, encoded, strict=True)]
    inputs, rows = map(np.stack, zip(*(detector.predictor.preprocess(image.pixels) for image in read), strict=True))
    names = [f"{i}-{image.name}" for i, image in enumerate(read)]
    sizes = [image.size_wh for image in read]
    return CheckSet(
        encoded,
        names,
        inputs,
        sizes,
        detector.predictor.detect(inputs, names, rows, np.array(sizes), config=evaluation),
        {name: np.asarray(value) for name, value in detector.network(inputs, training=False).items()},
    )


def candidates_of(raw: Outputs, detector: Detector) -> Candidates:
    """Return class probabilities ``[n, A, K]`` and boxes ``[n, A, 4]``, input pixels, of raw outputs."""
    probabilities = 1 / (1 + np.exp(-raw["class_logits"].astype(np.float64)))
    return probabilities, np.asarray(decode_boxes(raw["box_codes"], anchors_of(detector.model)))


def _read_alike(path: Path, encoded: bytes) -> LoadedImage:
    """Return an image that the graph of a SavedModel decodes to the same pixels."""
    image = read_image(path)
    try:
        same = np.array_equal(decode_rgb(tf.constant(encoded)).numpy(), image.pixels)
    except tf.errors.OpError:
        same = False
    if not same:
        raise ImageError(
            str(path),
            "a SavedModel reads PNG, JPEG and BMP files, and none of them turned by an EXIF orientation: this one it "
            "would see differently. Save it as an upright PNG.",
        )
    return image


def _render(folder: Path) -> list[Path]:
    root = render_dataset(folder / "kitti", frames=_FRAMES, seed=_SEED, zips=False, workers=1)
    tree = open_tree(root)
    return [tree.image_path(frame_id) for frame_id in tree.frame_ids]
