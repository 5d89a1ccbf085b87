import numpy as np
import pytest
import tensorflow as tf

from kittidet.config import EvalConfig, ModelConfig
from kittidet.detect.detector import Detector
from kittidet.errors import CheckpointMismatchError, ExportError
from kittidet.export.opened import RuntimeNetwork, check_fits, load_detector
from kittidet.export.signature import Port, RawModel
from kittidet.export.tflite import write_tflite

pytestmark = [
    pytest.mark.usefixtures("tiny_models"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow"),
]
MODEL = ModelConfig(variant="d0", input_hw=(64, 128))
SHAPES = {"images": (None, 64, 128, 3), "class_logits": (None, 90, 8), "box_codes": (None, 90, 4)}


@pytest.fixture(scope="module")
def source(tiny_checkpoint, tiny_models):
    return Detector.load(tiny_checkpoint)


@pytest.fixture(scope="module")
def foreign(source, tmp_path_factory):
    """A file with nothing beside it that says what it is."""
    path = tmp_path_factory.mktemp("foreign") / "model.tflite"
    return write_tflite(source.network, path, precision="float16")


def raw(answer=lambda images: {}, **ports) -> RawModel:
    given = {name: ports.get(name, Port(name, shape, "float32")) for name, shape in SHAPES.items()}

    def invoke(images):
        found = {name: np.full((len(images), *SHAPES[name][1:]), -1, np.float32) for name in SHAPES if name != "images"}
        return found | answer(images)

    return RawModel("m.tflite", given["images"], given["class_logits"], given["box_codes"], invoke)


def test_a_file_of_others_finds_what_its_source_finds_once_that_is_named(foreign, source, tiny_checkpoint):
    with pytest.raises(ExportError, match=r"no model\.json beside it .* --like"):
        load_detector(foreign)
    found = load_detector(foreign, like=tiny_checkpoint, threads=1)
    image = np.random.default_rng(2).integers(0, 255, (50, 90, 3), dtype=np.uint8)
    (ours,), (theirs,) = source.predict(image, max_detections=5), found.predict(image, max_detections=5)
    np.testing.assert_allclose(ours.scores, theirs.scores, atol=0.02)
    np.testing.assert_allclose(ours.xyxy[0], theirs.xyxy[0], atol=1.0)


def test_a_checkpoint_is_loaded_as_ever_and_what_is_neither_is_named(tiny_checkpoint, source, tmp_path):
    assert load_detector(tiny_checkpoint).facts == source.facts
    with pytest.raises(CheckpointMismatchError, match="expected a run folder"):
        load_detector(tmp_path)


def test_a_file_is_called_inside_graphs_with_batches_of_any_size(source, foreign):
    network = RuntimeNetwork(
        raw(lambda images: {"class_logits": np.ones((len(images), 90, 8), np.float32)}), anchors=90, classes=8
    )
    traced = tf.function(network).get_concrete_function(tf.TensorSpec((None, 64, 128, 3), tf.float32))
    assert traced.structured_outputs["class_logits"].shape.as_list() == [None, 90, 8]
    assert traced(tf.zeros((3, 64, 128, 3)))["box_codes"].shape == (3, 90, 4)
    with pytest.raises(ValueError, match="cannot be trained"):
        network(tf.zeros((1, 64, 128, 3)), training=True)


MISFITS = {
    "size": (
        {"images": Port("images", (1, 96, 96, 3), "float32")},
        r"images \[1, 96, 96, 3\] float32, expected \[64, 128",
    ),
    "classes": ({"class_logits": Port("class_logits", (1, 90, 90), "float32")}, "and 8 classes"),
    "anchors": ({"box_codes": Port("box_codes", (1, 1000, 4), "float32")}, "--like"),
    "0..1": (
        {"images": Port("images", (1, 64, 128, 3), "uint8", 1 / 255, 0)},
        "hold 0.00 to 1.00, expected normalised",
    ),
    "0..255": ({"images": Port("images", (1, 64, 128, 3), "uint8", 1.0, 0)}, "hold 0.00 to 255.00"),
}


@pytest.mark.parametrize(("ports", "said"), MISFITS.values(), ids=MISFITS.keys())
def test_shapes_and_ranges_that_do_not_fit_are_said(ports, said):
    with pytest.raises(ExportError, match=said):
        check_fits(raw(**ports), MODEL, anchors=90, classes=8)


def test_integers_over_the_normalised_range_fit():
    check_fits(raw(images=Port("images", (1, 64, 128, 3), "int8", 0.0185, -16)), MODEL, anchors=90, classes=8)


def test_probabilities_where_logits_belong_and_values_that_are_not_finite_are_said():
    half = raw(lambda images: {"class_logits": np.full((len(images), 90, 8), 0.5, np.float32)})
    with pytest.raises(ExportError, match="probabilities, expected logits"):
        check_fits(half, MODEL, anchors=90, classes=8)
    nan = raw(lambda images: {"box_codes": np.full((len(images), 90, 4), np.nan, np.float32)})
    with pytest.raises(ExportError, match="not finite"):
        check_fits(nan, MODEL, anchors=90, classes=8)


def test_a_file_that_cannot_be_run_is_named_with_its_reason():
    def fail(images):
        raise RuntimeError("Node number 3 failed to prepare.\nmore")

    with pytest.raises(ExportError, match=r"m\.tflite: cannot be run: Node number 3 failed to prepare"):
        check_fits(raw(fail), MODEL, anchors=90, classes=8)


def test_scores_of_a_file_are_those_of_its_source_on_records(foreign, source, tiny_checkpoint, tiny_records):
    from kittidet.eval.records import predict_records

    config = EvalConfig(max_detections=5)
    found = predict_records(load_detector(foreign, like=tiny_checkpoint), tiny_records[1], config=config)
    expected = predict_records(source, tiny_records[1], config=config)
    assert [one.frame_id for one in found] == [one.frame_id for one in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.scores, other.scores, atol=0.02)
