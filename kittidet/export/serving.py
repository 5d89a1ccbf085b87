"""The detector as one TensorFlow graph: encoded images in, boxes in pixels of those images out."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf

from kittidet.config import EvalConfig
from kittidet.detect.detector import Detector
from kittidet.detect.preprocess import decode_rgb, preprocess, size_wh_of
from kittidet.export.damage import opening
from kittidet.export.signature import Port, RawModel, fit_ports
from kittidet.model.decode import find_objects
from kittidet.model.scaling import variant_spec

_SERVE, _RAW = "serving_default", "network"


class ServingModule(tf.Module):
    """What a SavedModel holds: the detector behind two signatures, and its class names as an asset.

    Args:
        detector: network, class table, input size.
        config: score threshold, suppression and detections an image, all fixed in the graph.
        class_names_path: a text file with the class names, one a line; copied into the SavedModel.
    """

    def __init__(self, detector: Detector, *, config: EvalConfig, class_names_path: Path) -> None:
        super().__init__(name="kittidet")
        # tf.Module finds tf.Variables in its own attributes. The Keras model stays out of them, inside a function: with
        # it every weight would be saved a second time, under its layer's name.
        network = detector.network
        self.weights = [variable.value for variable in network.weights]

        def run(images: Any, *, training: bool) -> Any:
            return network(images, training=training)

        self._network = run
        self.class_names = tf.saved_model.Asset(str(class_names_path))
        self._model = detector.model
        self._input_hw = detector.model.input_hw
        self._config = config
        self._spec = variant_spec(detector.model.variant)

    def signatures(self) -> dict[str, Any]:
        """Return signature name -> concrete function: ``serving_default`` and ``network``."""
        images = tf.TensorSpec((None, *self._input_hw, 3), tf.float32, name="images")
        encoded = tf.TensorSpec((None,), tf.string, name="image_bytes")
        return {
            _SERVE: tf.function(self._serve).get_concrete_function(encoded),
            _RAW: tf.function(self._raw).get_concrete_function(images),
        }

    def _serve(self, image_bytes: Any) -> Mapping[str, Any]:
        """Return detections of encoded images ``[n]`` (PNG, JPEG, BMP, upright), each at its own size.

        ``boxes_xyxy`` ``[n, m, 4]`` float32 pixels of the image as it came, ``scores`` ``[n, m]`` float32,
        ``class_ids`` ``[n, m]`` int32 1-based, ``num_valid`` ``[n]`` int32; 0 after the last valid row.
        """
        images, rows, sizes_wh = tf.map_fn(
            self._read,
            image_bytes,
            fn_output_signature=(
                tf.TensorSpec((*self._input_hw, 3), tf.float32),
                tf.TensorSpec((4,), tf.float32),
                tf.TensorSpec((2,), tf.int32),
            ),
        )
        found = find_objects(self._network, images, model=self._model, config=self._config)
        scale, offset = tf.tile(rows[:, None, :2], [1, 1, 2]), tf.tile(rows[:, None, 2:], [1, 1, 2])
        limits = tf.cast(tf.tile(sizes_wh[:, None, :], [1, 1, 2]), tf.float32)
        boxes = tf.clip_by_value((found["boxes_xyxy"] - offset) / scale, 0.0, limits)
        valid = found["scores"] > 0
        return {**found, "boxes_xyxy": tf.where(valid[..., None], boxes, 0.0)}

    def _raw(self, images: Any) -> Mapping[str, Any]:
        """Return ``class_logits`` and ``box_codes`` of normalised images ``[b, h, w, 3]``."""
        return {name: tf.identity(value, name) for name, value in self._network(images, training=False).items()}

    def _read(self, encoded: Any) -> tuple[Any, Any, Any]:
        image = decode_rgb(encoded)
        spec = self._spec
        placed, row = preprocess(image, input_hw=self._input_hw, pixel_mean=spec.pixel_mean, pixel_std=spec.pixel_std)
        return placed, row, size_wh_of(image)


def write_saved_model(detector: Detector, out_dir: Path, *, config: EvalConfig, class_names_path: Path) -> Path:
    """Write the detector as a SavedModel and return its folder.

    Signatures: ``serving_default`` takes ``image_bytes`` (strings ``[n]``) and returns boxes in pixels of the images;
    ``network`` takes normalised images of the input size and returns raw outputs. Asset: the class names.
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


def open_network(folder: Path) -> RawModel:
    """Return the network in a SavedModel, of this project or another, as a function: the signature before decoding.

    Raises:
        ExportError: if the folder is no SavedModel, is damaged, or takes or returns something else than the network.
    """
    with opening(folder, "a SavedModel"):
        model = tf.saved_model.load(str(folder))
        if not model.signatures:
            raise ValueError("it has no signatures")
    names = list(model.signatures)
    function = model.signatures[_RAW if _RAW in names else _SERVE if _SERVE in names else names[0]]
    inputs = [_port(name, spec) for name, spec in function.structured_input_signature[1].items()]
    outputs = [_port(name, spec) for name, spec in function.structured_outputs.items()]
    ports = fit_ports(folder, inputs, outputs)

    def invoke(images: Any, held: Any = model) -> Mapping[str, Any]:
        # The model, not only its signature, has to stay: it holds the weights.
        del held
        found = function(**{ports[0].name: tf.constant(images)})
        return {port.name: found[port.name].numpy() for port in ports[1:]}

    return RawModel(folder, *ports, invoke=invoke)


def _port(name: str, spec: Any) -> Port:
    shape = () if spec.shape.rank is None else tuple(spec.shape.as_list())
    return Port(name, shape, "str" if spec.dtype == tf.string else spec.dtype.name)


def _run(model: Any, encoded: list[bytes]) -> list[dict[str, Any]]:
    # The model, not only its signature, has to stay: it holds the weights.
    serve = model.signatures[_SERVE]
    found = {name: value.numpy() for name, value in serve(image_bytes=tf.constant(encoded)).items()}
    return [
        {name: value[i, : found["num_valid"][i]] for name, value in found.items() if name != "num_valid"}
        for i in range(len(encoded))
    ]
