import keras
import numpy as np
import pytest

from kittidet.errors import ExportError
from kittidet.export.tflite import open_tflite, write_tflite

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow")


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """Two outputs of one small convolution: the converter and the signature are what is tested here."""
    images = keras.Input((16, 32, 3), name="images")
    features = keras.layers.Conv2D(64, 3, activation="swish", name="features")(images)
    logits = keras.layers.Reshape((-1, 2))(keras.layers.Conv2D(4, 1)(features))
    codes = keras.layers.Reshape((-1, 4))(keras.layers.Conv2D(8, 1)(features))
    return keras.Model(images, {"class_logits": logits, "box_codes": codes})


@pytest.mark.parametrize(("precision", "near"), [("float16", 0.01), ("dynamic", 0.1)])
def test_the_file_gives_named_outputs_near_the_networks_for_any_number_of_images(network, precision, near, tmp_path):
    path = write_tflite(network, tmp_path / "m.tflite", precision=precision)
    images = np.random.default_rng(0).normal(size=(3, 16, 32, 3)).astype(np.float32)
    raw, source = open_tflite(path)(images), network(images, training=False)
    assert set(raw) == {"class_logits", "box_codes"}
    for name, values in raw.items():
        assert values.shape == source[name].shape
        assert np.abs(values - np.asarray(source[name])).max() < near


@pytest.mark.parametrize("content", [b"", b"no model at all" * 99])
def test_a_file_that_tflite_refuses_is_named(content, tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    with pytest.raises(ExportError, match=r"m\.tflite: cannot be opened as a TFLite file"):
        open_tflite(path)
