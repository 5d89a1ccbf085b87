"""A detector over records or pictures: batches in, detections in original pixels out.

The way into the canvas is the one training used, and the way back is its exact inverse. Writes no files.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kittidet.boxes import clip_xyxy
from kittidet.config import EvalConfig
from kittidet.detect.checkpoint import LoadedDetector
from kittidet.detect.images import ImageError, LoadedImage
from kittidet.detect.letterbox import Letterbox
from kittidet.detect.preprocess import fit_hw, letterbox_row, normalise_pad, resize_crop, size_wh_of
from kittidet.frame import Detections
from kittidet.model.anchors import build_anchors
from kittidet.model.decode import decode_detections
from kittidet.model.scaling import variant_spec

log = logging.getLogger(__name__)

# Pictures are read and placed by this many threads, this many batches ahead of the network.
_READERS = 4
_BATCHES_AHEAD = 2


@dataclass(frozen=True, slots=True)
class ImageDetections:
    """What was found in a picture.

    Attributes:
        picture: its name and pixels.
        detections: boxes in the picture's own pixels; ``frame_id`` is the picture's name.
    """

    picture: LoadedImage
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
        self.input_hw = (int(model.input_hw[0]), int(model.input_hw[1]))
        self.batch_size = config.batch_size
        anchors = build_anchors(model.variant, input_hw=self.input_hw, anchor_scale=model.anchor_scale)
        network = detector.network

        def detect(images: Any) -> Any:
            return decode_detections(
                network(images, training=False),
                anchors,
                input_hw=self.input_hw,
                nms=config.nms,
                score_threshold=config.score_threshold,
                max_detections=config.max_detections,
            )

        # Traced here and once, for any batch size: the last, smaller batch needs no second compilation, and a run that
        # scores many checkpoints is not warned of retracing.
        canvas = tf.TensorSpec((None, *self.input_hw, 3), tf.float32)
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
        resized, offset = fit_hw(size_wh, self.input_hw), tf.zeros([2], tf.int32)
        placed = resize_crop(image, resized_hw=resized, offset_hw=offset, input_hw=self.input_hw, antialias=False)
        normalised = normalise_pad(
            placed, input_hw=self.input_hw, pixel_mean=self.spec.pixel_mean, pixel_std=self.spec.pixel_std
        )
        return normalised, letterbox_row(size_wh, resized, offset)


def predict_images(
    detector: LoadedDetector,
    sources: Iterable[Callable[[], LoadedImage]],
    *,
    config: EvalConfig,
    on_failure: Callable[[ImageError], None],
) -> Iterator[ImageDetections]:
    """Yield what a detector finds in each picture, in order; memory holds a few batches at a time.

    Args:
        detector: the network and what its outputs mean.
        sources: one function per picture that reads it, such as ``pictures.image_sources`` makes.
        config: batch size, score threshold, suppression, detections an image.
        on_failure: called for a picture that cannot be read; the others go on.
    """
    predictor = Predictor(detector, config=config)
    with ThreadPoolExecutor(_READERS) as readers:
        waiting: list[tuple[LoadedImage, Any, npt.NDArray[np.float32]]] = []
        for read in _read_ahead(readers, predictor, sources):
            try:
                waiting.append(read.result())
            except ImageError as error:
                log.warning("predict.unreadable picture=%s reason=%s", error.name, error.reason)
                on_failure(error)
                continue
            if len(waiting) == config.batch_size:
                yield from _detect_pictures(predictor, waiting)
                waiting = []
        if waiting:
            yield from _detect_pictures(predictor, waiting)


def _read_ahead(
    readers: ThreadPoolExecutor, predictor: Predictor, sources: Iterable[Callable[[], LoadedImage]]
) -> Iterator["Future[tuple[LoadedImage, Any, npt.NDArray[np.float32]]]"]:
    def load(source: Callable[[], LoadedImage]) -> tuple[LoadedImage, Any, npt.NDArray[np.float32]]:
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
    predictor: Predictor, batch: Sequence[tuple[LoadedImage, Any, npt.NDArray[np.float32]]]
) -> Iterator[ImageDetections]:
    pictures = [picture for picture, _, _ in batch]
    found = predictor.detect(
        tf.stack([image for _, image, _ in batch]),
        [picture.name for picture in pictures],
        np.stack([row for _, _, row in batch]),
        np.array([picture.size_wh for picture in pictures]),
    )
    yield from (ImageDetections(*pair) for pair in zip(pictures, found, strict=True))
