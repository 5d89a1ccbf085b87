"""A network over images: batches in, detections in original pixels out.

The way into the network is the one training used, and the way back is its exact inverse. Knows no class names and no
files; its face to a person is ``detect.detector``.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kittidet.config import EvalConfig, ModelConfig
from kittidet.detect.images import ImageError, LoadedImage, Read
from kittidet.detect.letterbox import Letterbox, to_original
from kittidet.detect.preprocess import preprocess
from kittidet.frame import Detections
from kittidet.model.decode import find_objects
from kittidet.model.scaling import variant_spec

log = logging.getLogger(__name__)

# Images are read and preprocessed by this many threads, this many batches ahead of the network.
_READERS = 4
_BATCHES_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Loaded:
    """An image ready for the network: its input ``[h, w, 3]``, its letterbox ``[4]``, and what both took."""

    image: LoadedImage
    pixels: Any
    letterbox_row: npt.NDArray[np.float32]
    seconds: float


@dataclass(frozen=True, slots=True)
class ImageDetections:
    """What was found in an image.

    Attributes:
        image: its name and pixels.
        detections: boxes in the image's own pixels; ``frame_id`` is the image's name.
        read_s: what reading it and making the network's input took, in a thread beside others, seconds.
        detect_s: its share of what its batch took: network, decoding, suppression, way back to its pixels; seconds.
    """

    image: LoadedImage
    detections: Detections
    read_s: float = 0.0
    detect_s: float = 0.0


class Predictor:
    """A network and its anchors, compiled when they are first used, once for batches of any size, unless told not to.

    Args:
        network: ``[b, h, w, 3]`` float32 normalised -> ``class_logits``, ``box_codes``.
        model: variant, input size and anchors.
        compiled: False runs operation by operation: slower for an image, and sooner done with a handful.
    """

    def __init__(self, network: Any, model: ModelConfig, *, compiled: bool = True) -> None:
        self.model = model
        self.compiled = compiled
        self._network = network
        self._compiled: dict[EvalConfig, Any] = {}

    def predict_each(
        self, reads: Iterable[Read], *, config: EvalConfig, on_failure: Callable[[ImageError], None]
    ) -> Iterator[ImageDetections]:
        """Yield what is found in each image, in order; memory holds a few batches at a time.

        Args:
            reads: one function per image that reads it, such as ``sources.find_images`` makes.
            config: batch size, score threshold, suppression, detections an image.
            on_failure: called for an image that cannot be read; the others go on unless it raises.
        """
        with ThreadPoolExecutor(_READERS) as readers:
            waiting: list[Loaded] = []
            for read in self._read_ahead(readers, reads, ahead=config.batch_size * _BATCHES_AHEAD):
                try:
                    waiting.append(read.result())
                except ImageError as error:
                    log.warning("predict.unreadable image=%s reason=%s", error.name, error.reason)
                    on_failure(error)
                    continue
                if len(waiting) == config.batch_size:
                    yield from self._detect_loaded(waiting, config)
                    waiting = []
            if waiting:
                yield from self._detect_loaded(waiting, config)

    def preprocess(self, pixels: npt.NDArray[np.uint8]) -> tuple[Any, npt.NDArray[np.float32]]:
        """Return an RGB image ``[h, w, 3]`` as network input ``[input h, input w, 3]`` and its letterbox ``[4]``."""
        run = _preprocess(self.model.variant, self.model.input_hw, compiled=self.compiled)
        image, row = run(tf.constant(pixels))
        return image, row.numpy()

    def detect(
        self,
        images: Any,
        frame_ids: Sequence[str],
        letterbox_rows: npt.NDArray[np.float32],
        sizes_wh: npt.NDArray[np.integer],
        *,
        config: EvalConfig,
    ) -> list[Detections]:
        """Return the detections of a batch in original pixels, clipped to the image, best first.

        Args:
            images: ``[b, input h, input w, 3]`` float32 normalised.
            frame_ids: ``b`` names.
            letterbox_rows: ``[b, 4]`` as batches carry them.
            sizes_wh: ``[b, 2]`` sizes of the originals, pixels.
            config: score threshold, suppression, detections an image.
        """
        found = self._finder(config)(tf.convert_to_tensor(images))
        return detections_of(found, frame_ids, letterbox_rows, sizes_wh)

    def _finder(self, config: EvalConfig) -> Any:
        """Return network, decoding and suppression as one function.

        Compiled, it is traced once for any batch size: the last, smaller batch needs no second compilation, and a run
        that scores many checkpoints is not warned of retracing.
        """
        run = partial(find_objects, self._network, model=self.model, config=config)
        if not self.compiled:
            return run
        key = config.model_copy(update={"batch_size": 1})
        if key not in self._compiled:
            spec = tf.TensorSpec((None, *self.model.input_hw, 3), tf.float32)
            self._compiled[key] = tf.function(run).get_concrete_function(spec)
        return self._compiled[key]

    def _read_ahead(
        self, readers: ThreadPoolExecutor, reads: Iterable[Read], *, ahead: int
    ) -> Iterator["Future[Loaded]"]:
        def load(read: Read) -> Loaded:
            started = time.perf_counter()
            image = read()
            pixels, row = self.preprocess(image.pixels)
            return Loaded(image, pixels, row, time.perf_counter() - started)

        remaining = iter(reads)
        pending = [readers.submit(load, read) for read in islice(remaining, ahead)]
        while pending:
            # Ask for the next before the oldest is waited for, so that readers never idle.
            pending += [readers.submit(load, read) for read in islice(remaining, 1)]
            yield pending.pop(0)

    def _detect_loaded(self, batch: Sequence[Loaded], config: EvalConfig) -> Iterator[ImageDetections]:
        started = time.perf_counter()
        found = self.detect(
            tf.stack([loaded.pixels for loaded in batch]),
            [loaded.image.name for loaded in batch],
            np.stack([loaded.letterbox_row for loaded in batch]),
            np.array([loaded.image.size_wh for loaded in batch]),
            config=config,
        )
        share = (time.perf_counter() - started) / len(batch)
        for loaded, detections in zip(batch, found, strict=True):
            yield ImageDetections(loaded.image, detections, loaded.seconds, share)


def detections_of(
    found: Mapping[str, Any],
    frame_ids: Sequence[str],
    letterbox_rows: npt.NDArray[np.float32],
    sizes_wh: npt.NDArray[np.integer],
) -> list[Detections]:
    """Return what `find_objects` found in a batch, in original pixels; the rest as in `Predictor.detect`."""
    arrays = {name: value.numpy() for name, value in found.items()}
    return [
        to_original(
            frame_id,
            *(arrays[name][i, : arrays["num_valid"][i]] for name in ("boxes_xyxy", "scores", "class_ids")),
            letterbox=Letterbox.from_row(letterbox_rows[i]),
            size_wh=(int(sizes_wh[i][0]), int(sizes_wh[i][1])),
        )
        for i, frame_id in enumerate(frame_ids)
    ]


@cache
def _preprocess(variant: str, input_hw: tuple[int, int], *, compiled: bool) -> Any:
    spec = variant_spec(variant)

    def run(pixels: Any) -> Any:
        return preprocess(pixels, input_hw=input_hw, pixel_mean=spec.pixel_mean, pixel_std=spec.pixel_std)

    return tf.function(run).get_concrete_function(tf.TensorSpec((None, None, 3), tf.uint8)) if compiled else run
