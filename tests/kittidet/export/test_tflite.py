import keras
import numpy as np
import pytest
import tensorflow as tf

from kittidet.errors import ExportError
from kittidet.export.tflite import open_tflite, write_tflite

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow")


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """Two outputs of one small convolution: the converter and the signature are what is tested here."""
    keras.utils.set_random_seed(4)
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


def test_8_bits_keep_float32_at_both_ends_and_integers_between(network, tmp_path):
    images = np.random.default_rng(0).normal(size=(8, 16, 32, 3)).astype(np.float32)
    path = write_tflite(network, tmp_path / "m.tflite", precision="int8", calibration=lambda: images)
    run, source = open_tflite(path, threads=1), network(images, training=False)
    assert (run.images.dtype, run.logits.dtype, run.codes.dtype) == ("float32",) * 3
    for name, values in run(images).items():
        assert 0 < np.abs(values - np.asarray(source[name])).max() < 0.1


@pytest.mark.parametrize("precision", ["int8", "float16"])
def test_images_come_with_8_bits_and_with_nothing_else(network, precision, tmp_path):
    calibration = None if precision == "int8" else list
    with pytest.raises(ValueError, match="calibration images with int8 alone"):
        write_tflite(network, tmp_path / "m.tflite", precision=precision, calibration=calibration)


def convert(network, folder, **settings) -> bytes:
    """As others convert: by Keras' own SavedModel, whose signature is `serving_default`."""
    module = tf.Module()
    module.weights = [variable.value for variable in network.weights]
    spec = tf.TensorSpec((1, 16, 32, 3), tf.float32, name="inputs")
    function = tf.function(lambda inputs: dict(network(inputs, training=False))).get_concrete_function(spec)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": function})
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    converter.optimizations, converter.representative_dataset = [tf.lite.Optimize.DEFAULT], samples
    for name, value in settings.items():
        setattr(converter, name, value)
    return converter.convert()


def samples():
    for seed in range(8):
        yield [np.random.default_rng(seed).normal(size=(1, 16, 32, 3)).astype(np.float32)]


def test_a_file_of_others_with_another_signature_and_integers_at_both_ends_is_read(network, tmp_path):
    path = tmp_path / "foreign.tflite"
    path.write_bytes(convert(network, tmp_path, inference_input_type=tf.int8, inference_output_type=tf.int8))
    run = open_tflite(path)
    assert (run.images.dtype, run.logits.dtype) == ("int8", "int8")
    # Values beyond those it was calibrated on would be cut off.
    images = np.concatenate([image for (image,) in samples()])
    source = network(images, training=False)
    for name, values in run(images).items():
        assert np.abs(values - np.asarray(source[name])).max() < 0.1


def test_a_file_of_16_bit_activations_is_refused_by_name(network, tmp_path):
    path = tmp_path / "m.tflite"
    wide = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    path.write_bytes(convert(network, tmp_path, target_spec=tf.lite.TargetSpec(supported_ops=[wide])))
    with pytest.raises(ExportError, match=r"16-bit activations is wrong without a word.* Take tflite_int8"):
        open_tflite(path)


@pytest.mark.parametrize("content", [b"", b"no model at all" * 99])
def test_a_file_that_tflite_refuses_is_named(content, tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    with pytest.raises(ExportError, match=r"m\.tflite: cannot be opened as a TFLite file"):
        open_tflite(path)
