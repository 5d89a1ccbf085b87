"""The detector as one TensorFlow graph: encoded images in, boxes in pixels of those images out."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf

from kittidet.config import EvalConfig
from kittidet.detect.checkpoint import LoadedDetector
from kittidet.detect.preprocess import fit_hw, letterbox_row, normalise_pad, resize_crop, size_wh_of
from kittidet.export.damage import opening
from kittidet.model.anchors import build_anchors
from kittidet.model.decode import decode_detections
from kittidet.model.scaling import variant_spec

_SERVE = "serving_default"


class ServingModule(tf.Module):
    """What a SavedModel holds: the detector behind two signatures, and its class names as an asset.

    Args:
        detector: network, class table, canvas.
        config: score threshold, suppression and detections an image, all fixed in the graph.
        class_names_path: a text file with the class names, one a line; copied into the SavedModel.
    """

    def __init__(self, detector: LoadedDetector, *, config: EvalConfig, class_names_path: Path) -> None:
        super().__init__(name="kittidet")
        self._network = detector.network
        # tf.Module finds tf.Variables in its own attributes, not inside Keras layers.
        self.weights = [variable.value for variable in detector.network.weights]
        self.class_names = tf.saved_model.Asset(str(class_names_path))
        self._input_hw = (int(detector.model_config.input_hw[0]), int(detector.model_config.input_hw[1]))
        self._config = config
        self._spec = variant_spec(detector.model_config.variant)
        self._anchors = build_anchors(
            detector.model_config.variant,
            input_hw=self._input_hw,
            anchor_scale=detector.model_config.anchor_scale,
        )

    def signatures(self) -> dict[str, Any]:
        """Return signature name -> concrete function: ``serving_default`` and ``network``."""
        canvas = tf.TensorSpec((None, *self._input_hw, 3), tf.float32, name="images")
        encoded = tf.TensorSpec((None,), tf.string, name="image_bytes")
        return {
            _SERVE: tf.function(self._serve).get_concrete_function(encoded),
            "network": tf.function(self._raw).get_concrete_function(canvas),
        }

    def _serve(self, image_bytes: Any) -> Mapping[str, Any]:
        """Return detections of encoded images ``[n]`` (PNG, JPEG, BMP), each at its own size.

        ``boxes_xyxy`` ``[n, m, 4]`` float32 pixels of the image as it came, ``scores`` ``[n, m]`` float32,
        ``class_ids`` ``[n, m]`` int32 1-based, ``num_valid`` ``[n]`` int32; 0 after the last valid row.
        """
        images, rows, sizes_wh = tf.map_fn(
            self._place,
            image_bytes,
            fn_output_signature=(
                tf.TensorSpec((*self._input_hw, 3), tf.float32),
                tf.TensorSpec((4,), tf.float32),
                tf.TensorSpec((2,), tf.int32),
            ),
        )
        found = decode_detections(
            self._network(images, training=False),
            self._anchors,
            input_hw=self._input_hw,
            nms=self._config.nms,
            score_threshold=self._config.score_threshold,
            max_detections=self._config.max_detections,
        )
        scale, offset = tf.tile(rows[:, None, :2], [1, 1, 2]), tf.tile(rows[:, None, 2:], [1, 1, 2])
        limits = tf.cast(tf.tile(sizes_wh[:, None, :], [1, 1, 2]), tf.float32)
        boxes = tf.clip_by_value((found["boxes_xyxy"] - offset) / scale, 0.0, limits)
        valid = found["scores"] > 0
        return {
            "boxes_xyxy": tf.where(valid[..., None], boxes, 0.0),
            "scores": found["scores"],
            "class_ids": found["class_ids"],
            "num_valid": found["num_valid"],
        }

    def _raw(self, images: Any) -> Mapping[str, Any]:
        """Return ``class_logits`` and ``box_codes`` of normalised canvases ``[b, h, w, 3]``."""
        return {name: tf.identity(value, name) for name, value in self._network(images, training=False).items()}

    def _place(self, encoded: Any) -> tuple[Any, Any, Any]:
        image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
        image.set_shape((None, None, 3))
        size_wh = size_wh_of(image)
        resized, offset = fit_hw(size_wh, self._input_hw), tf.zeros([2], tf.int32)
        placed = resize_crop(image, resized_hw=resized, offset_hw=offset, input_hw=self._input_hw, antialias=False)
        normalised = normalise_pad(
            placed, input_hw=self._input_hw, pixel_mean=self._spec.pixel_mean, pixel_std=self._spec.pixel_std
        )
        return normalised, letterbox_row(size_wh, resized, offset), size_wh


def write_saved_model(detector: LoadedDetector, out_dir: Path, *, config: EvalConfig, class_names_path: Path) -> Path:
    """Write the detector as a SavedModel and return its folder.

    Signatures: ``serving_default`` takes ``image_bytes`` (strings ``[n]``) and returns boxes in pixels of the images;
    ``network`` takes normalised canvases and returns raw outputs. Asset: the class names.
    """
    module = ServingModule(detector, config=config, class_names_path=class_names_path)
    tf.saved_model.save(module, str(out_dir), signatures=module.signatures())
    return out_dir


def open_saved_model(folder: Path) -> Callable[[list[bytes]], list[dict[str, Any]]]:
    """Return a function from encoded images to what the SavedModel on disk finds, one dict of arrays an image.

    Raises:
        ExportError: if the folder is no SavedModel with the signature ``serving_default``, or is damaged.
    """
    with opening(folder, "a SavedModel"):
        model = tf.saved_model.load(str(folder))
        if _SERVE not in model.signatures:
            raise ValueError(f"it has no signature {_SERVE}")
    return partial(_run, model)


def _run(model: Any, encoded: list[bytes]) -> list[dict[str, Any]]:
    # The model, not only its signature, has to stay: it holds the weights.
    serve = model.signatures[_SERVE]
    found = {name: value.numpy() for name, value in serve(image_bytes=tf.constant(encoded)).items()}
    return [
        {name: value[i, : found["num_valid"][i]] for name, value in found.items() if name != "num_valid"}
        for i in range(len(encoded))
    ]
