"""A detector over records or pictures: batches in, detections in original pixels out.

The way into the canvas is the one training used, and the way back is its exact inverse. Writes no files.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kittidet.boxes import clip_xyxy
from kittidet.config import EvalConfig
from kittidet.data.letterbox import Letterbox
from kittidet.data.picture import fit_hw, letterbox_row, normalise_pad, resize_crop, size_wh_of
from kittidet.data.pipeline import evaluation_batches
from kittidet.errors import CheckpointMismatchError
from kittidet.eval.pictures import Picture, PictureError
from kittidet.frame import Detections
from kittidet.model.anchors import build_anchors
from kittidet.model.decode import decode_detections
from kittidet.model.scaling import variant_spec
from kittidet.records.manifest import read_manifest
from kittidet.train.checkpoints import FACTS_NAME, LoadedDetector

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]

# Pictures are read and placed by this many threads, this many batches ahead of the network.
_READERS = 4
_BATCHES_AHEAD = 2


@dataclass(frozen=True, slots=True)
class PictureDetections:
    """What was found in a picture.

    Attributes:
        picture: its name and pixels.
        detections: boxes in the picture's own pixels; ``frame_id`` is the picture's name.
    """

    picture: Picture
    detections: Detections


class Predictor:
    """A detector with its anchors, compiled once for batches of any size.

    Args:
        detector: network, class table and canvas.
        config: score threshold, suppression, detections an image.
    """

    def __init__(self, detector: LoadedDetector, *, config: EvalConfig) -> None:
        model = detector.model_config
        self.spec = variant_spec(model.variant)
        self.canvas_hw = (int(model.canvas_hw[0]), int(model.canvas_hw[1]))
        self.batch_size = config.batch_size
        anchors = build_anchors(model.variant, image_size=self.canvas_hw, anchor_scale=model.anchor_scale)
        network = detector.network

        def detect(images: Any) -> Any:
            return decode_detections(
                network(images, training=False),
                anchors,
                image_size=self.canvas_hw,
                nms=config.nms,
                score_threshold=config.score_threshold,
                max_detections=config.max_detections,
            )

        # Traced here and once, for any batch size: the last, smaller batch needs no second compilation, and a run that
        # scores many checkpoints is not warned of retracing.
        canvas = tf.TensorSpec((None, *self.canvas_hw, 3), tf.float32)
        self._detect = tf.function(detect).get_concrete_function(canvas)
        pixels = tf.TensorSpec((None, None, 3), tf.uint8)
        self._place = tf.function(self._place_image).get_concrete_function(pixels)

    def place(self, pixels: npt.NDArray[np.uint8]) -> tuple[Any, npt.NDArray[np.float32]]:
        """Return a picture ``[h, w, 3]`` RGB as network input ``[canvas h, canvas w, 3]`` and its letterbox row."""
        image, row = self._place(tf.constant(pixels))
        return image, row.numpy()

    def detect(
        self,
        images: Any,
        frame_ids: Sequence[str],
        letterbox_rows: npt.NDArray[np.float32],
        sizes_wh: npt.NDArray[np.integer],
    ) -> list[Detections]:
        """Return the detections of a batch in original pixels, clipped to the picture, best first.

        Args:
            images: ``[b, canvas h, canvas w, 3]`` float32 normalised.
            frame_ids: ``b`` names.
            letterbox_rows: ``[b, 4]`` as batches carry them.
            sizes_wh: ``[b, 2]`` sizes of the originals, pixels.
        """
        found = {name: value.numpy() for name, value in self._detect(tf.convert_to_tensor(images)).items()}
        batch = []
        for i, frame_id in enumerate(frame_ids):
            n = int(found["num_valid"][i])
            xyxy = Letterbox.from_row(letterbox_rows[i]).to_original(found["boxes_xyxy"][i, :n])
            width, height = sizes_wh[i]
            xyxy = clip_xyxy(xyxy, (int(width), int(height)))
            # What lay in the padding alone has no area left.
            real = (xyxy[:, 2] > xyxy[:, 0]) & (xyxy[:, 3] > xyxy[:, 1])
            batch.append(
                Detections(
                    frame_id,
                    xyxy[real].astype(np.float32),
                    found["scores"][i, :n][real].astype(np.float32),
                    found["class_ids"][i, :n][real].astype(np.int32),
                )
            )
        return batch

    def _place_image(self, image: Any) -> Any:
        size_wh = size_wh_of(image)
        resized, offset = fit_hw(size_wh, self.canvas_hw), tf.zeros([2], tf.int32)
        placed = resize_crop(image, resized_hw=resized, offset_hw=offset, canvas_hw=self.canvas_hw, antialias=False)
        normalised = normalise_pad(
            placed, canvas_hw=self.canvas_hw, pixel_mean=self.spec.pixel_mean, pixel_std=self.spec.pixel_std
        )
        return normalised, letterbox_row(size_wh, resized, offset)


def predict_records(
    detector: LoadedDetector,
    records_dir: Path,
    *,
    config: EvalConfig,
    progress: Progress | None = None,
    predictor: Predictor | None = None,
) -> list[Detections]:
    """Return what a detector finds in every frame of a folder of records, in the records' order.

    Args:
        detector: the network and what its outputs mean.
        records_dir: a folder that ``records.write`` made, with the detector's class table.
        config: batch size, score threshold, suppression, detections an image.
        progress: called with (frames done, frames in all) after each batch.
        predictor: this detector, compiled before with the same ``config``; None compiles it here.

    Raises:
        ConfigError: if records and detector have different class tables.
        RecordError: if the records are incomplete or damaged.
    """
    manifest = read_manifest(records_dir)
    detector.table.check_same(manifest.table, here="the detector", there=f"the records in {records_dir}")
    predictor = Predictor(detector, config=config) if predictor is None else predictor
    batches = evaluation_batches(
        records_dir,
        canvas_hw=predictor.canvas_hw,
        batch_size=config.batch_size,
        pixel_mean=predictor.spec.pixel_mean,
        pixel_std=predictor.spec.pixel_std,
    )
    found: list[Detections] = []
    for batch in batches:
        names = [name.decode() for name in batch["frame_id"].numpy()]
        rows, sizes = batch["letterbox"].numpy(), batch["original_wh"].numpy()
        found += predictor.detect(batch["image"], names, rows, sizes)
        if progress is not None:
            progress(len(found), manifest.num_frames)
    log.info("predict.records dir=%s frames=%d detections=%d", records_dir, len(found), sum(map(len, found)))
    return found


def predict_images(
    detector: LoadedDetector,
    sources: Iterable[Callable[[], Picture]],
    *,
    config: EvalConfig,
    on_failure: Callable[[PictureError], None],
) -> Iterator[PictureDetections]:
    """Yield what a detector finds in each picture, in order; memory holds a few batches at a time.

    Args:
        detector: the network and what its outputs mean.
        sources: one function per picture that reads it, such as ``pictures.image_sources`` makes.
        config: batch size, score threshold, suppression, detections an image.
        on_failure: called for a picture that cannot be read; the others go on.
    """
    predictor = Predictor(detector, config=config)
    with ThreadPoolExecutor(_READERS) as readers:
        waiting: list[tuple[Picture, Any, npt.NDArray[np.float32]]] = []
        for read in _read_ahead(readers, predictor, sources):
            try:
                waiting.append(read.result())
            except PictureError as error:
                log.warning("predict.unreadable picture=%s reason=%s", error.name, error.reason)
                on_failure(error)
                continue
            if len(waiting) == config.batch_size:
                yield from _detect_pictures(predictor, waiting)
                waiting = []
        if waiting:
            yield from _detect_pictures(predictor, waiting)


def detector_path(path: Path) -> Path:
    """Return the checkpoint folder that a run folder, its ``weights`` folder or a checkpoint folder stands for.

    Raises:
        CheckpointMismatchError: if it is none of these.
    """
    for candidate in (path, path / "weights" / "best", path / "best"):
        if (candidate / FACTS_NAME).is_file():
            return candidate
    raise CheckpointMismatchError(
        f"{path}: expected a run folder (with weights/best) or a checkpoint folder (with {FACTS_NAME}), "
        "got neither. Name a folder such as runs/kitti-finetune."
    )


def _read_ahead(
    readers: ThreadPoolExecutor, predictor: Predictor, sources: Iterable[Callable[[], Picture]]
) -> Iterator["Future[tuple[Picture, Any, npt.NDArray[np.float32]]]"]:
    def load(source: Callable[[], Picture]) -> tuple[Picture, Any, npt.NDArray[np.float32]]:
        picture = source()
        return (picture, *predictor.place(picture.pixels))

    remaining = iter(sources)
    ahead = max(1, predictor.batch_size) * _BATCHES_AHEAD
    pending = [readers.submit(load, source) for source in islice(remaining, ahead)]
    while pending:
        # Ask for the next before the oldest is waited for, so that readers never idle.
        pending += [readers.submit(load, source) for source in islice(remaining, 1)]
        yield pending.pop(0)


def _detect_pictures(
    predictor: Predictor, batch: Sequence[tuple[Picture, Any, npt.NDArray[np.float32]]]
) -> Iterator[PictureDetections]:
    pictures = [picture for picture, _, _ in batch]
    found = predictor.detect(
        tf.stack([image for _, image, _ in batch]),
        [picture.name for picture in pictures],
        np.stack([row for _, _, row in batch]),
        np.array([picture.size_wh for picture in pictures]),
    )
    yield from (PictureDetections(*pair) for pair in zip(pictures, found, strict=True))
