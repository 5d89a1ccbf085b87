"""How much AP an export keeps, on validation frames that it was not calibrated on; and the frames to calibrate on.

Both come from records, after letterbox: what the network sees in use. A quantised network strays from its source by
far more than rounding, score by score; whether it still detects is told by AP alone.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kittidet.coco_document import coco_annotation, coco_categories, coco_image
from kittidet.config import EvalConfig, ModelConfig
from kittidet.data.pipeline import evaluation_batches, plain_record_errors
from kittidet.detect.detector import Detector
from kittidet.detect.letterbox import Letterbox
from kittidet.detect.predictor import detections_of
from kittidet.errors import ExportError
from kittidet.eval.coco import score_coco
from kittidet.eval.coco_format import result_rows
from kittidet.export.signature import LOGITS, Outputs
from kittidet.model.decode import find_objects
from kittidet.model.scaling import variant_spec
from kittidet.records.manifest import read_manifest
from kittidet.runs.data import images_beside

_BATCH = 4
Network = Callable[[npt.NDArray[np.float32]], Outputs]


@dataclass(frozen=True, slots=True)
class ApKept:
    """What a comparison by AP found.

    Attributes:
        frames: validation frames.
        source: AP of the source on them, 0..1.
        exported: AP of the export.
        max_score_difference: of any class probability of any anchor.
        calibrated_on: training frames that the export was calibrated on; 0 for one that needs none.
    """

    frames: int
    source: float
    exported: float
    max_score_difference: float
    calibrated_on: int = 0


@dataclass(frozen=True, slots=True)
class RecordFrames:
    """Some of the frames of a folder of records, spread evenly over them.

    Attributes:
        records_dir: the folder.
        places: of the frames.
        frame_ids: their names.
        model: input size and normalisation.
    """

    records_dir: Path
    places: Sequence[int]
    frame_ids: Sequence[str]
    model: ModelConfig

    def images(self) -> Iterator[npt.NDArray[np.float32]]:
        """Yield the frames ``[h, w, 3]`` as the network sees them."""
        for batch in _batches(self.records_dir, self.model, self.places):
            yield from batch["image"].numpy()


def calibration_frames(records_dir: Path, model: ModelConfig, *, count: int) -> RecordFrames:
    """Return the training frames to calibrate on.

    Raises:
        ExportError: if there are fewer.
        RecordError: if the records are incomplete or damaged.
    """
    frames = read_manifest(records_dir).num_frames
    if frames < count:
        raise ExportError(
            f"{records_dir}: {frames} frames, expected {count} or more to calibrate 8-bit numbers on: with too few, "
            "what lies outside of their range is cut off. Take a run of more frames, fewer with --calibration-frames, "
            "or another format."
        )
    return _some_frames(records_dir, model, count)


def held_out_frames(records_dir: Path, model: ModelConfig, *, at_most: int, but: Collection[str] = ()) -> RecordFrames:
    """Return validation frames to compare by AP on, none of which is called as one of ``but``.

    Raises:
        ExportError: if none is left.
        RecordError: if the records are incomplete or damaged.
    """
    some = _some_frames(records_dir, model, at_most)
    left = [(place, name) for place, name in zip(some.places, some.frame_ids, strict=True) if name not in set(but)]
    if not left:
        raise ExportError(
            f"{records_dir}: every frame was calibrated on, expected some that were not. Name the records of the "
            "validation frames."
        )
    places, names = zip(*left, strict=True)
    return RecordFrames(records_dir, places, names, model)


@plain_record_errors()
def compare_ap(
    network: Network,
    detector: Detector,
    frames: RecordFrames,
    *,
    evaluation: EvalConfig,
    what: str,
    calibrated_on: int = 0,
) -> ApKept:
    """Return the AP of an export and of its source on the same frames, by pycocotools against the records' labels.

    Args:
        network: the export.
        detector: its source.
        frames: to compare on.
        evaluation: score threshold, suppression, detections an image.
        what: names the export in messages.
        calibrated_on: for the answer.

    Raises:
        ExportError: if the export returns values that are not finite, or the source has no AP here to keep.
        RecordError: if a record is damaged.
    """
    decode = tf.function(
        partial(find_objects, _as_they_are, model=detector.model, config=evaluation), reduce_retracing=True
    )
    images, annotations, found, gap = [], [], ([], []), 0.0  # type: ignore[var-annotated]
    for batch in _batches(frames.records_dir, frames.model, frames.places):
        names = [name.decode() for name in batch["frame_id"].numpy()]
        rows, sizes = batch["letterbox"].numpy(), batch["original_wh"].numpy()
        outputs = dict(detector.network(batch["image"], training=False)), network(batch["image"].numpy())
        if not all(np.isfinite(values).all() for values in outputs[1].values()):
            raise ExportError(f"{what}: the export returns values that are not finite.")
        ours, theirs = (tf.sigmoid(tf.cast(one[LOGITS], tf.float32)).numpy() for one in outputs)
        gap = max(gap, float(np.abs(ours - theirs).max()))
        for side, one in zip(found, outputs, strict=True):
            tensors = {name: tf.convert_to_tensor(value) for name, value in one.items()}
            side.extend(detections_of(decode(tensors), names, rows, sizes))
        for i, name in enumerate(names):
            number = len(images) + 1
            images.append(coco_image(number, name, name, tuple(sizes[i])))
            annotations += _truth(batch, i, number, rows[i])
    for number, annotation in enumerate(annotations, start=1):
        annotation["id"] = number
    truth = {"images": images, "annotations": annotations, "categories": coco_categories(detector.table)}
    ids = {image["frame_id"]: image["id"] for image in images}
    source, exported = (
        score_coco(truth, result_rows(side, ids, detector.table), engine="pycocotools").ap for side in found
    )
    if not source > 0:
        raise ExportError(
            f"{what}: the source has an AP of 0 on these {len(images)} frames: what an export keeps of it cannot be "
            "told. Train longer, or take validation frames that it finds something in."
        )
    return ApKept(len(images), source, exported, gap, calibrated_on)


def check_kept(kept: ApKept, *, max_loss: float, what: str) -> ApKept:
    """Return a comparison by AP that shows no larger loss than allowed.

    Raises:
        ExportError: if the export loses more.
    """
    if kept.exported < kept.source - max_loss:
        raise ExportError(
            f"{what}: AP {kept.exported:.4f} on {kept.frames} held-out frames, where its source has {kept.source:.4f}: "
            f"expected a loss of {max_loss:g} at most (--max-ap-loss); scores differ by up to "
            f"{kept.max_score_difference:.2f}. The export was not written; calibrate on more frames, or export in "
            "another format."
        )
    return kept


def _truth(batch: Any, i: int, image_id: int, row: Any) -> list[dict[str, Any]]:
    ids = batch["class_ids"][i].numpy()
    boxes = Letterbox.from_row(row).to_original(batch["boxes_xyxy"][i].numpy())
    return [coco_annotation(image_id, int(ids[k]), boxes[k].tolist()) for k in np.flatnonzero(ids)]


def _as_they_are(outputs: Any, *, training: bool) -> Any:
    del training
    return outputs


@plain_record_errors()
def _some_frames(records_dir: Path, model: ModelConfig, count: int) -> RecordFrames:
    available = read_manifest(records_dir).num_frames
    # Neighbours look alike: frames from all over the records say more than the first ones.
    places = sorted({int(place) for place in np.linspace(0, available - 1, min(count, available))})
    names = [n.decode() for batch in _batches(records_dir, model, places) for n in batch["frame_id"].numpy()]
    return RecordFrames(records_dir, places, names, model)


def _batches(records_dir: Path, model: ModelConfig, places: Sequence[int]) -> Any:
    spec = variant_spec(model.variant)
    return evaluation_batches(
        records_dir,
        input_hw=model.input_hw,
        batch_size=_BATCH,
        pixel_mean=spec.pixel_mean,
        pixel_std=spec.pixel_std,
        images_dir=images_beside(records_dir),
        places=places,
    )
