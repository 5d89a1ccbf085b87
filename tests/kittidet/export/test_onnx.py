from dataclasses import replace
from importlib.util import find_spec

import keras
import numpy as np
import pytest

from kittidet.config import ExportConfig
from kittidet.errors import ExportError
from kittidet.export import onnx, write
from kittidet.export.formats import RAW_FORMATS

MISSING = any(find_spec(name) is None for name in ("tf2onnx", "onnx", "onnxruntime"))


def small_network() -> keras.Model:
    images = keras.Input((16, 32, 3), name="images")
    features = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="swish")(images)
    logits = keras.layers.Reshape((-1, 2))(keras.layers.Conv2D(2, 1)(features))
    codes = keras.layers.Reshape((-1, 4))(keras.layers.Conv2D(4, 1)(features))
    return keras.Model(images, {"class_logits": logits, "box_codes": codes})


@pytest.mark.skipif(MISSING, reason="the extra kittidet[onnx] is not installed")
def test_the_file_gives_the_networks_outputs_for_any_number_of_images(tmp_path):
    network = small_network()
    run = onnx.open_onnx(onnx.write_onnx(network, tmp_path / "m.onnx"))
    for count in (1, 3):
        batch = np.random.default_rng(0).normal(size=(count, 16, 32, 3)).astype(np.float32)
        raw, source = run(batch), network(batch, training=False)
        assert set(raw) == {"class_logits", "box_codes"}
        for name, values in raw.items():
            assert np.allclose(values, np.asarray(source[name]), atol=1e-4)


@pytest.mark.skipif(MISSING, reason="the extra kittidet[onnx] is not installed")
@pytest.mark.parametrize("only_convolutions", [False, True])
def test_8_bits_have_unsigned_activations_and_weights_by_channel(only_convolutions, tmp_path):
    from onnx import TensorProto, load

    network = small_network()
    images = np.random.default_rng(0).normal(size=(8, 16, 32, 3)).astype(np.float32)
    whole = onnx.write_onnx(network, tmp_path / "whole.onnx")
    path = onnx.quantise_onnx(whole, tmp_path / "m.onnx", calibration=iter(images), only_convolutions=only_convolutions)
    raw, source = onnx.open_onnx(path, threads=1)(images), network(images, training=False)
    for name, values in raw.items():
        assert 0 < np.abs(values - np.asarray(source[name])).max() < 0.1
    graph = load(path).graph
    kinds = {value.name: (value.data_type, list(value.dims)) for value in graph.initializer}
    points = [kinds[node.input[2]] for node in graph.node if node.op_type == "QuantizeLinear"]
    assert {kind for kind, _ in points} == {TensorProto.UINT8}
    weights = [kinds[node.input[1]][1] for node in graph.node if node.op_type == "DequantizeLinear"]
    assert [8] in weights
    assert not any(node.op_type in {"DynamicQuantizeLinear", "ConvInteger"} for node in graph.node)


def test_without_the_extra_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(onnx, "find_spec", lambda name: None)
    with pytest.raises(ExportError, match=r"pip install 'kittidet\[onnx\]'"):
        onnx.check_onnx_installed()


@pytest.mark.skipif(MISSING, reason="the extra kittidet[onnx] is not installed")
def test_a_file_that_onnx_refuses_is_named(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"no model at all")
    with pytest.raises(ExportError, match=r"m\.onnx: cannot be opened as an ONNX file"):
        onnx.open_onnx(tmp_path / "m.onnx")


@pytest.mark.slow
@pytest.mark.skipif(MISSING, reason="the extra kittidet[onnx] is not installed")
def test_a_whole_detector_is_exported_as_onnx_and_one_that_strays_is_not(checkpoint, evaluation, tmp_path, monkeypatch):
    config = ExportConfig(formats=("onnx",))
    (made,) = write.export_detector(checkpoint, tmp_path / "out", config=config, evaluation=evaluation).files
    assert made.agreement.compared >= 200
    assert made.agreement.max_score_difference < 1e-4
    opened = onnx.open_onnx(tmp_path / "out" / "model.onnx")

    def stray(images):
        raw = opened(images)
        return {**raw, "box_codes": raw["box_codes"] + 0.1}

    form = replace(RAW_FORMATS["onnx"], write=lambda network, path, frames: path.write_bytes(b"x") and path)
    monkeypatch.setitem(RAW_FORMATS, "onnx", form)
    monkeypatch.setattr(write, "open_raw", lambda path: stray)
    with pytest.raises(ExportError, match="likely anchor"):
        write.export_detector(checkpoint, tmp_path / "other", config=config, evaluation=evaluation)
    assert not (tmp_path / "other").exists()
