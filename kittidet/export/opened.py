"""An exported model as a detector: `predict`, `evaluate` and `benchmark` use it as they use a checkpoint.

The runtime runs the network; letterbox, decoding, suppression and the way back are the library's own, so that a file is
scored by the rule of its source. What the outputs mean stands in ``model.json`` beside files of this project; of others
a detector is named whose network they hold.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kittidet.config import ModelConfig
from kittidet.detect.checkpoint import DetectorFacts, detector_path, read_facts
from kittidet.detect.detector import Detector
from kittidet.errors import ExportError, first_line
from kittidet.export.formats import is_model_file, open_raw
from kittidet.export.signature import CODES, LOGITS, RawModel
from kittidet.model.anchors import anchors_of
from kittidet.model.scaling import variant_spec

FACTS = "model.json"
# Integer images must cover this much of the normalised range, and not more than so many times it: 0..1 and 0..255 are
# neither.
_COVERED, _AT_MOST = 0.7, 3.0


class RuntimeNetwork:
    """An exported model where a network is called: inside TensorFlow graphs too.

    Args:
        raw: the open file.
        anchors: how many it has outputs for.
        classes: of each.
    """

    def __init__(self, raw: RawModel, *, anchors: int, classes: int) -> None:
        self.raw = raw
        self._shapes = {LOGITS: (None, anchors, classes), CODES: (None, anchors, 4)}

    def __call__(self, images: Any, *, training: bool = False) -> dict[str, Any]:
        """Return the raw outputs of normalised images ``[b, h, w, 3]``."""
        if training:
            raise ValueError(f"{self.raw.path}: an exported model cannot be trained")
        found = tf.numpy_function(self._run, [images], [tf.float32, tf.float32], stateful=False)
        return {name: tf.ensure_shape(one, self._shapes[name]) for name, one in zip(self._shapes, found, strict=True)}

    def _run(self, images: Any) -> list[Any]:
        outputs = self.raw(images)
        return [outputs[name] for name in self._shapes]


def load_detector(path: Path, *, like: Path | None = None, threads: int | None = None, few: bool = False) -> Detector:
    """Return a detector from a run, a checkpoint, or an exported model of this project or another.

    Args:
        path: a run or checkpoint folder, a TFLite or ONNX file, or a SavedModel's folder.
        like: run, checkpoint or export folder whose classes, input size, normalisation and anchors an exported model
            has; None: those that stand beside it.
        threads: that run an exported model.
        few: whether it is for a few batches only; see `Detector.load_for_few`.

    Raises:
        CheckpointMismatchError: if a checkpoint cannot be loaded.
        ExportError: if an exported model cannot be opened, nothing says what it returns, or it does not fit that.
    """
    if not is_model_file(path):
        return (Detector.load_for_few if few else Detector.load)(detector_path(path))
    facts = _facts_of(path, like)
    raw = open_raw(path, threads=threads)
    anchors = len(anchors_of(facts.model))
    check_fits(raw, facts.model, anchors=anchors, classes=len(facts.table))
    return Detector(RuntimeNetwork(raw, anchors=anchors, classes=len(facts.table)), facts)


def check_fits(raw: RawModel, model: ModelConfig, *, anchors: int, classes: int) -> None:
    """Return quietly if a file takes and returns what a detector's network does: shapes, types and ranges.

    Raises:
        ExportError: naming what differs.
    """
    height, width = model.input_hw
    expected = {
        raw.images: (None, height, width, 3),
        raw.logits: (None, anchors, classes),
        raw.codes: (None, anchors, 4),
    }
    for port, shape in expected.items():
        pairs = zip(port.shape[1:], shape[1:], strict=True)
        if any(side is not None and side != wanted for side, wanted in pairs):
            raise ExportError(
                f"{raw.path}: {port}, expected {list(shape[1:])} after the batch: the network of {model.variant} for "
                f"{width} x {height} pixels and {classes} classes. Name the detector that it was made from with --like."
            )
    spec = variant_spec(model.variant)
    low = min((0 - mean) / std for mean, std in zip(spec.pixel_mean, spec.pixel_std, strict=True))
    high = max((255 - mean) / std for mean, std in zip(spec.pixel_mean, spec.pixel_std, strict=True))
    if raw.images.is_integer:
        least, most = raw.images.limits
        covered = (min(most, high) - max(least, low)) / (high - low)
        if covered < _COVERED or (most - least) / (high - low) > _AT_MOST:
            raise ExportError(
                f"{raw.path}: its images hold {least:.2f} to {most:.2f}, expected normalised ones, {low:.2f} to "
                f"{high:.2f}. Convert it with normalised images to calibrate on."
            )
    _check_answer(raw, model, (low, high))


def _check_answer(raw: RawModel, model: ModelConfig, limits: tuple[float, float]) -> None:
    """Run a file once, on noise that fills the range of the images, and look at what comes."""
    noise = np.random.default_rng(0).uniform(*limits, (1, *model.input_hw, 3)).astype(np.float32)
    try:
        found = raw(noise)
    except (RuntimeError, ValueError, tf.errors.OpError) as error:
        raise ExportError(
            f"{raw.path}: cannot be run: {first_line(error)}. Export it again, or update its runtime."
        ) from error
    if not all(np.isfinite(values).all() for values in found.values()):
        raise ExportError(f"{raw.path}: returns values that are not finite. Export it again.")
    logits = found[LOGITS]
    # Some logit of thousands of anchors and classes is negative: most of them show nothing.
    if logits.min() >= 0 and logits.max() <= 1 and not math.isclose(logits.max(), 0):
        raise ExportError(
            f"{raw.path}: {raw.logits.name} lies within 0..1: probabilities, expected logits. Export it without the "
            "sigmoid at its end."
        )


def _facts_of(path: Path, like: Path | None) -> DetectorFacts:
    if like is not None:
        return read_facts(like, name=FACTS) if (like / FACTS).is_file() else read_facts(detector_path(like))
    if (path.parent / FACTS).is_file():
        return read_facts(path.parent, name=FACTS)
    raise ExportError(
        f"{path}: no {FACTS} beside it says what it was trained for, as beside files that kittidet exports. Name the "
        "run or checkpoint whose network it holds with --like."
    )
