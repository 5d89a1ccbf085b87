"""The whole network: equal to the reference's own numbers, at any size, on any backend, saved and loaded."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy

from kittidet.model.efficientdet import build_efficientdet
from kittidet.model.pretrained import load_reference_arrays
from kittidet.model.reference_names import reference_variables
from kittidet.model.reference_rule import image_by_rule, weights_by_rule

GOLDEN = Path(__file__).parents[2] / "golden" / "forward.npz"
SECOND_BACKENDS = ("jax", "torch")


def by_rule(variant: str, input_hw: tuple[int, int]):
    model = build_efficientdet(variant, 3, input_hw)
    shapes = {name: tuple(v.shape) for name, v in reference_variables(model).items()}
    load_reference_arrays(model, weights_by_rule(shapes), strict=True)
    return model


def check_excerpt(outputs: dict, variant: str) -> None:
    with np.load(GOLDEN) as golden:
        anchors = golden[f"{variant}/anchors"]
        for key in ("class_logits", "box_codes"):
            np.testing.assert_allclose(
                np.asarray(outputs[key])[0, anchors], golden[f"{variant}/{key}"], rtol=1e-4, atol=1e-4
            )


@pytest.mark.parametrize("variant", ["d0", "lite0"])
def test_outputs_equal_the_references_excerpt(variant):
    outputs = by_rule(variant, (128, 256))(image_by_rule(128, 256), training=False)
    check_excerpt({key: convert_to_numpy(value) for key, value in outputs.items()}, variant)


@pytest.mark.parametrize("backend", SECOND_BACKENDS)
def test_a_second_backend_computes_and_differentiates_the_same(backend, tmp_path):
    if find_spec(backend) is None:
        pytest.skip(f"the {backend} backend is not installed")
    script = Path(__file__).with_name("second_backend.py")
    result = tmp_path / "outputs.npz"
    root = Path(__file__).parents[3]
    # The program runs once: optimising it takes longer than running it.
    flags = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(root), "XLA_FLAGS": flags}
    subprocess.run([sys.executable, str(script), str(result)], check=True, env=environment, timeout=280)
    with np.load(result) as outputs:
        assert outputs["backend"] == backend
        assert outputs["batch_norm_gradient_difference"] < 1e-4
        assert outputs["focal_gradient_difference"] < 1e-4
        check_excerpt(dict(outputs), "d0")


@pytest.mark.parametrize("input_hw", [(375, 1242), (129, 65)])
def test_odd_sizes_have_an_output_for_each_anchor(input_hw):
    from kittidet.model.anchors import build_anchors

    model = build_efficientdet("d0", 8, input_hw)
    anchors = len(build_anchors("d0", input_hw=input_hw))
    shapes = {key: tuple(value.shape) for key, value in model.output.items()}
    assert shapes == {"class_logits": (None, anchors, 8), "box_codes": (None, anchors, 4)}
    if max(input_hw) < 200:
        outputs = model(np.zeros((2, *input_hw, 3), np.float32))
        assert {k: tuple(v.shape) for k, v in outputs.items()} == {
            "class_logits": (2, anchors, 8),
            "box_codes": (2, anchors, 4),
        }


def test_a_fresh_model_says_that_there_is_nothing():
    model = build_efficientdet("lite0", 3, (96, 96))
    logits = convert_to_numpy(model(np.zeros((1, 96, 96, 3), np.float32))["class_logits"])
    np.testing.assert_allclose(logits, -4.595, atol=0.5)


def test_a_saved_model_loads_equal_with_variant_and_seed(tmp_path):
    model = by_rule("lite0", (96, 130))
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.models.load_model(path, safe_mode=True)
    assert (loaded.variant, loaded.num_classes, loaded.input_hw) == ("lite0", 3, (96, 130))
    image = image_by_rule(96, 130)
    for key, value in model(image).items():
        np.testing.assert_array_equal(convert_to_numpy(value), convert_to_numpy(loaded(image)[key]))


def test_half_precision_computes_in_half_and_answers_in_single():
    model = build_efficientdet("lite0", 2, (96, 96), dtype="mixed_bfloat16")
    outputs = model(np.zeros((1, 96, 96, 3), np.float32), training=True)
    assert {keras.backend.standardize_dtype(v.dtype) for v in outputs.values()} == {"float32"}
    assert {keras.backend.standardize_dtype(v.dtype) for v in model.trainable_variables} == {"float32"}
    assert model.get_layer("fpn_cells").compute_dtype == "bfloat16"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("d9", 3, (512, 512)), r"unknown variant 'd9': expected one of d0, .*lite4"),
        (("d0", 0, (512, 512)), "num_classes: expected a whole number"),
        (("d0", 2.0, (512, 512)), "num_classes: expected a whole number"),
        (("d0", 3, 512), r"expected \(height, width\)"),
        (("d0", 3, (0, 512)), r"expected \(height, width\)"),
        (("d0", 3, (-128, 512)), r"expected \(height, width\)"),
        (("d0", 3, (512.0, 512)), r"expected \(height, width\)"),
        (("d0", 3, (512, 512, 1)), "expected RGB, 3 channels, got 1"),
        (("d0", 3, (64, 64)), "level 7 vanishes.*at least 65 pixels"),
        (("d7x", 3, (128, 128)), "level 8 vanishes.*at least 129 pixels"),
    ],
)
def test_wrong_arguments_are_refused_with_what_would_do(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_efficientdet(*arguments)


@pytest.mark.parametrize("shape", [(1, 96, 96, 1), (1, 96, 128, 3), (96, 96, 3), (1, 3, 96, 96)])
def test_images_of_another_shape_are_refused_with_the_expected_one(shape):
    model = build_efficientdet("lite0", 2, (96, 96))
    with pytest.raises(ValueError, match=r"expected normalised RGB images \[b, 96, 96, 3\], got shape"):
        model(np.zeros(shape, np.float32))


PUBLISHED = json.loads("""{
 "d0": [3880067, 47136, 493, 216], "d1": [6625898, 71456, 640, 272], "d2": [8097039, 81776, 699, 288],
 "d3": [12032296, 114304, 823, 342], "d4": [20723675, 167312, 960, 394], "d5": [33653315, 227392, 1048, 434],
 "d6": [51871782, 311984, 1059, 506], "d7": [51871782, 311984, 1059, 506], "d7x": [77147166, 417728, 1286, 616],
 "lite0": [3243470, 47136, 372, 216], "lite1": [4248318, 63072, 457, 262], "lite2": [5252334, 72560, 497, 278],
 "lite3": [8350862, 104192, 590, 332], "lite3x": [9280862, 111712, 590, 332], "lite4": [15130894, 155504, 684, 384]
}""")


@pytest.mark.parametrize(
    "variant", [v if v in {"d0", "lite0"} else pytest.param(v, marks=pytest.mark.slow) for v in PUBLISHED]
)
def test_parameters_are_as_many_as_published(variant):
    model = build_efficientdet(variant, 90, (256, 256))
    # The state of the drop-connect's random numbers is no parameter.
    statistics = [v for v in model.non_trainable_variables if "seed_generator" not in v.path]
    groups = (model.trainable_variables, statistics)
    sizes = [sum(int(np.prod(v.shape)) for v in group) for group in groups]
    assert [*sizes, *(len(group) for group in groups)] == PUBLISHED[variant]
