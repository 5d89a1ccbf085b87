import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from fixtures.encoded_images import encode, jpegs_and_bmps, pngs
from PIL import Image

from kittidet.detect.images import read_image
from kittidet.errors import ExportError
from kittidet.export.serving import open_saved_model

FILES = pngs() | jpegs_and_bmps()


@pytest.fixture(scope="module")
def serve(exported):
    return open_saved_model(exported.path / "saved_model")


def test_bytes_go_in_and_boxes_in_pixels_of_each_image_come_out(serve, checks):
    found = serve(checks.encoded)
    assert len(found) == len(checks.names)
    for one, source in zip(found, checks.detections, strict=True):
        strong = source.scores > 0.1
        assert strong.any()
        for box, score, class_id in zip(
            source.xyxy[strong], source.scores[strong], source.class_ids[strong], strict=True
        ):
            gaps = np.abs(one["boxes_xyxy"] - box).max(axis=1)
            match = np.argmin(np.where(one["class_ids"] == class_id, gaps, np.inf))
            assert gaps[match] < 0.5
            assert one["scores"][match] == pytest.approx(score, abs=2e-3)


@pytest.mark.parametrize("name", FILES)
def test_an_image_gives_the_same_to_the_bit_whatever_its_encoding(name, serve, tmp_path):
    """What the SavedModel finds in a file is what it finds in the pixels that prediction reads from that file."""
    (tmp_path / "image").write_bytes(FILES[name])
    pixels = read_image(tmp_path / "image").pixels
    found, plain = serve([FILES[name], encode(Image.fromarray(pixels), "PNG")])
    assert len(found["scores"]) > 0
    for key, values in found.items():
        np.testing.assert_array_equal(values, plain[key])


def test_class_names_travel_with_the_model_and_every_detection_has_one(serve, exported, checks, class_names):
    names = (exported.path / "saved_model" / "assets" / "class_names.txt").read_text().split()
    assert names == list(class_names)
    for one in serve(checks.encoded):
        assert len(one["scores"]) == len(one["boxes_xyxy"]) == len(one["class_ids"])
        assert ((one["class_ids"] >= 1) & (one["class_ids"] <= len(names))).all()
        assert (one["scores"] > 0).all()


def test_every_weight_is_in_the_saved_model_once(exported, detector):
    names = tf.train.list_variables(str(exported.path / "saved_model" / "variables" / "variables"))
    saved = sum(np.prod(shape) for name, shape in names if name.endswith("VARIABLE_VALUE"))
    assert saved == sum(np.prod(weight.shape) for weight in detector.network.weights)


def test_bytes_that_are_no_image_are_an_error(serve):
    with pytest.raises(tf.errors.InvalidArgumentError):
        serve([b"no image"])


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


DAMAGE = {
    "graph gone": (Path.unlink, "saved_model.pb"),
    "graph cut": (_cut, "saved_model.pb"),
    "weights gone": (shutil.rmtree, "variables"),
    "weights cut": (_cut, "variables/variables.data-00000-of-00001"),
    "a bit of the weights turned": (_flip, "variables/variables.data-00000-of-00001"),
    "index cut": (_cut, "variables/variables.index"),
}


@pytest.mark.parametrize(("harm", "part"), DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_said_in_the_projects_words_and_names_the_folder(harm, part, tmp_path):
    module = tf.Module()
    module.weights = [tf.Variable(np.arange(500, dtype=np.float32))]
    folder = tmp_path / "saved_model"
    function = tf.function(lambda image_bytes: {"num_valid": tf.strings.length(image_bytes)})
    spec = tf.TensorSpec((None,), tf.string, name="image_bytes")
    tf.saved_model.save(module, str(folder), signatures={"serving_default": function.get_concrete_function(spec)})
    assert open_saved_model(folder)([b""]) == [{}]
    harm(folder / part)
    with pytest.raises(ExportError, match=r"saved_model: cannot be opened as a SavedModel: .+ export it again"):
        open_saved_model(folder)


def test_a_saved_model_of_something_else_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path / "other"))
    with pytest.raises(ExportError, match="no signature serving_default"):
        open_saved_model(tmp_path / "other")
