"""The detector: images in, detections in pixels of those images out.

This is the face of ``kittidet.detect``: what runs the network is ``predictor``, weights on disk are ``checkpoint``'s
business, where images come from ``sources``'.
"""

import copy
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, Self

import keras

from kittidet.classes import ClassTable, coco_table, table_of
from kittidet.config import EvalConfig, ModelConfig
from kittidet.detect.checkpoint import (
    WEIGHTS_NAME,
    DetectorFacts,
    detector_path,
    load_weights,
    read_facts,
    write_detector,
)
from kittidet.detect.images import ImageError
from kittidet.detect.predictor import Predictor
from kittidet.detect.sources import ImageSource, find_images
from kittidet.detect.uncompiled import UncompiledNetwork
from kittidet.errors import CheckpointMismatchError
from kittidet.frame import Detections
from kittidet.model.efficientdet import build_efficientdet
from kittidet.model.pretrained import coco_class_map, load_checkpoint
from kittidet.model.published import fetch_pretrained
from kittidet.model.scaling import variant_spec

log = logging.getLogger(__name__)

_DEFAULTS = EvalConfig()


class Detector:
    """An EfficientDet with its class names, its input size and its anchors.

    ``Detector.load`` reads a trained one, ``Detector.from_coco`` starts from published weights, ``Detector.build`` from
    random ones.

    Args:
        network: ``[b, h, w, 3]`` float32 normalised -> ``class_logits`` ``[b, A, K]``, ``box_codes`` ``[b, A, 4]``.
        facts: what its outputs mean.
        compiled: as in `Predictor`.

    Attributes:
        network: as given, a Keras model.
        facts: as given.
        predictor: the same network, compiled where it has been used.
    """

    def __init__(self, network: keras.Model, facts: DetectorFacts, *, compiled: bool = True) -> None:
        self.network = network
        self.facts = facts
        self.predictor = Predictor(network, facts.model, compiled=compiled)

    @classmethod
    def build(
        cls,
        variant: str,
        *,
        classes: str | ClassTable | Sequence[str],
        input_hw: tuple[int, int] | None = None,
        seed: int | None = None,
    ) -> Self:
        """Return an untrained detector.

        Args:
            variant: ``d0`` to ``d7``, ``d7x``, ``lite0`` to ``lite4``, ``lite3x``.
            classes: a table's name (``kitti8``, ``kitti3``, ``coco``), a ``ClassTable``, or class names in id order.
            input_hw: height and width images are fitted into, pixels; None: the size of the published weights.
            seed: of the initial weights, set for all of Keras; None draws them.

        Raises:
            ValueError: on an unknown variant, or an input too small for it.
            ConfigError: on an unknown table, or names that are no table.
        """
        if seed is not None:
            keras.utils.set_random_seed(seed)
        model = ModelConfig(variant=variant, input_hw=input_hw or variant_spec(variant).input_hw)
        table = table_of(classes)
        return cls(build_efficientdet(variant, len(table), model.input_hw), DetectorFacts(model, table))

    @classmethod
    def from_coco(
        cls,
        variant: str,
        *,
        classes: str | ClassTable | Sequence[str] = "coco",
        input_hw: tuple[int, int] | None = None,
        weights: Path | str | None = None,
    ) -> Self:
        """Return a detector with the published COCO weights.

        With ``classes="coco"`` it finds COCO's classes. Other tables take over the outputs of the COCO classes that
        theirs resemble (``Car`` and ``Van`` from ``car``); the rest (``Cyclist``) is untrained.

        Args:
            variant: as in ``build``.
            classes: as in ``build``.
            input_hw: as in ``build``.
            weights: a COCO checkpoint of the variant; None: the published one, fetched once into the user's cache.

        Raises:
            ArchiveError: if the published weights cannot be had; says which file to put where.
            CheckpointMismatchError: if the checkpoint is of another variant, is not of COCO's 90 classes, or leaves a
                variable without trained values.
        """
        path = fetch_pretrained(variant) if weights is None else Path(weights)
        detector = cls.build(variant, classes=classes, input_hw=input_hw)
        whole = detector.table == coco_table()
        report = load_checkpoint(detector.network, path, class_map=None if whole else coco_class_map(detector.table))
        untrained = {**report.left_alone, **(report.partly if whole else {})}
        if untrained:
            name, why = next(iter(untrained.items()))
            raise CheckpointMismatchError(
                f"{path}: {len(untrained)} variables would keep random values, for example {name}: {why}. Expected a "
                "whole COCO checkpoint of 90 classes."
            )
        log.info("detector.from_coco checkpoint=%s variables=%d", path, len(report.loaded))
        return detector

    @classmethod
    def load(cls, path: Path | str, *, reuse: "Detector | None" = None) -> "Detector":
        """Return a detector from disk.

        Args:
            path: a run folder (its best checkpoint), a checkpoint folder, or the weights file in one.
            reuse: an earlier detector that is not needed any more. Its network is taken over where it fits, which
                saves the seconds that building and compiling one takes; that detector then predicts as this one.

        Raises:
            CheckpointMismatchError: if there is no checkpoint, or its weights do not fit the model it names.
        """
        folder = detector_path(Path(path))
        facts = read_facts(folder)
        if reuse is not None and (reuse.facts.model, reuse.facts.table) == (facts.model, facts.table):
            detector = copy.copy(reuse)
            detector.facts = facts
        else:
            detector = cls(build_efficientdet(facts.model.variant, len(facts.table), facts.model.input_hw), facts)
        load_weights(detector.network, folder / WEIGHTS_NAME)
        return detector

    @classmethod
    def load_for_few(cls, path: Path | str) -> Self:
        """Return a detector that predicts and no more, ready in a fraction of the time for a few batches of images.

        Its boxes are those of `load`, up to rounding; its ``network`` is no Keras model.

        Raises:
            CheckpointMismatchError: as `load`.
        """
        folder = detector_path(Path(path))
        facts = read_facts(folder)
        return cls(UncompiledNetwork(facts, folder / WEIGHTS_NAME), facts, compiled=False)

    def save(self, path: Path | str) -> Path:
        """Write the detector as a new folder that ``load`` and ``kittidet predict --model`` read, and return it.

        Raises:
            OSError: if the folder holds something, or cannot be written.
        """
        return write_detector(Path(path), self.network, self.facts)

    @property
    def table(self) -> ClassTable:
        """Class ``i`` of the network is id ``i + 1``."""
        return self.facts.table

    @property
    def model(self) -> ModelConfig:
        """Variant, input size and anchors."""
        return self.facts.model

    def predict(
        self,
        source: ImageSource | Iterable[ImageSource],
        *,
        min_score: float = 0.0,
        batch_size: int = _DEFAULTS.batch_size,
        max_detections: int = _DEFAULTS.max_detections,
        nms: Literal["soft", "hard"] = _DEFAULTS.nms,
        unreadable: Literal["raise", "skip"] = "raise",
    ) -> list[Detections]:
        """Return what is found in every image, in order, always as a list.

        Boxes are left, top, right, bottom in pixels of the image itself, upright as its EXIF orientation says, at its
        own size: ``[n, 4]`` float32, best first. ``class_ids`` start at 1; ``detector.table.name_of`` names them.
        ``frame_id`` is the file's stem, for a video with the frame's number, for images in memory ``image-<place>``.

        Args:
            source: a file, folder, pattern such as ``frames/*.png``, or video; an RGB image as uint8 array
                ``[h, w, 3]`` (OpenCV's are BGR: reverse the last axis) or from Pillow; or a list of any of these.
            min_score: detections below are left out.
            batch_size: images at a time.
            max_detections: of an image.
            nms: how overlapping boxes of a class are thinned: ``soft`` lowers their scores, ``hard`` drops them.
            unreadable: ``skip`` leaves images that cannot be read out of the list, with a warning in the log.

        Raises:
            ImageError: on an image that cannot be read, or has a side outside of ``config.SIDE_PX``.
            EvaluationError: if there is no image, or two files have the same stem.
            ValueError: on an array that is no RGB image.
        """
        config = EvalConfig(batch_size=batch_size, score_threshold=0, max_detections=max_detections, nms=nms)

        def fail(error: ImageError) -> None:
            if unreadable == "raise":
                raise error

        found = self.predictor.predict_each(find_images(source).reads, config=config, on_failure=fail)
        return [item.detections.above(min_score) for item in found]
