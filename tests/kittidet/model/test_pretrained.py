"""Loading weights: every variable is accounted for, classes keep their rows, what does not fit is an error."""

import numpy as np
import pytest
from keras.ops import convert_to_numpy

from kittidet.classes import COCO_IDS, KITTI3, KITTI8, ClassTable
from kittidet.errors import CheckpointMismatchError
from kittidet.model.efficientdet import build_efficientdet
from kittidet.model.pretrained import coco_class_map, load_reference_arrays
from kittidet.model.reference_names import CLASS_ROWS, reference_variables
from kittidet.model.reference_rule import weights_by_rule

KERNEL, BIAS = CLASS_ROWS
SIZE = (65, 65)


@pytest.fixture(scope="module")
def model():
    return build_efficientdet("lite0", 8, SIZE)


@pytest.fixture
def arrays(model):
    return weights_by_rule({name: tuple(v.shape) for name, v in reference_variables(model).items()})


def coco_arrays(arrays):
    """The same weights, but for 90 classes."""
    rng = np.random.default_rng(1)
    return {
        **arrays,
        KERNEL: rng.normal(size=(1, 1, 64, 810)).astype(np.float32),
        BIAS: rng.normal(size=810).astype(np.float32),
    }


def values_of(model):
    return {name: convert_to_numpy(v.value).copy() for name, v in reference_variables(model).items()}


def test_every_variable_is_loaded_and_extra_arrays_are_listed(model, arrays):
    extra = {"global_step": np.float32(3), **{f"{name}:0": array for name, array in arrays.items()}}
    report = load_reference_arrays(model, extra, strict=True)
    assert set(report.loaded) == set(arrays)
    assert (dict(report.partly), dict(report.left_alone), report.unused) == ({}, {}, ("global_step",))
    for name, value in values_of(model).items():
        np.testing.assert_array_equal(value, arrays[name])


def test_what_is_missing_or_of_another_shape_is_left_alone_with_the_reason(model, arrays):
    del arrays["resample_p6/bn/gamma"]
    arrays["fpn_cells/cell_0/fnode0/op_after_combine5/conv/bias"] = np.zeros(63, np.float32)
    before = values_of(model)
    with pytest.raises(
        CheckpointMismatchError, match=r"2 of 588 variables.*resample_p6/bn/gamma \(not in the checkpoint\)"
    ):
        load_reference_arrays(model, arrays, strict=True)
    for name, value in values_of(model).items():
        np.testing.assert_array_equal(value, before[name])
    report = load_reference_arrays(model, arrays)
    assert dict(report.left_alone) == {
        "resample_p6/bn/gamma": "not in the checkpoint",
        "fpn_cells/cell_0/fnode0/op_after_combine5/conv/bias": "shape (63,), expected (64,)",
    }
    assert len(report.loaded) + 2 == len(arrays) + 1


@pytest.mark.parametrize(
    ("value", "message"), [(np.nan, "1 of 64 values are NaN"), (np.inf, "1 of 64 values are NaN or inf")]
)
def test_weights_that_are_not_finite_are_refused_by_name(model, arrays, value, message):
    arrays["resample_p6/bn/gamma"][7] = value
    with pytest.raises(CheckpointMismatchError, match=rf"resample_p6/bn/gamma \({message}"):
        load_reference_arrays(model, arrays)


def test_objects_are_not_weights(model, arrays):
    arrays["resample_p6/bn/gamma"] = np.array([object()] * 64)
    with pytest.raises(CheckpointMismatchError, match="expected floating point numbers, got object"):
        load_reference_arrays(model, arrays)


def test_another_number_of_classes_leaves_only_the_class_rows_alone(model, arrays):
    before = values_of(model)
    report = load_reference_arrays(model, coco_arrays(arrays))
    assert set(report.left_alone) == set(CLASS_ROWS)
    assert report.left_alone[BIAS] == "it has 90 classes, the model 8"
    after = values_of(model)
    np.testing.assert_array_equal(after[KERNEL], before[KERNEL])
    depthwise = "class_net/class-predict/depthwise_kernel"
    np.testing.assert_array_equal(after[depthwise], arrays[depthwise])


def test_coco_rows_become_the_rows_of_their_kitti_classes(model, arrays):
    coco = coco_arrays(arrays)
    before = values_of(model)
    report = load_reference_arrays(model, coco, class_map=coco_class_map(KITTI8))
    assert set(report.partly) == set(CLASS_ROWS)
    after = values_of(model)
    for anchor in (0, 8):
        for name, kind in (("Car", "car"), ("Van", "car"), ("Pedestrainn", "person"), ("Tram", "train")):
            ours, theirs = anchor * 8 + KITTI8.id_of(name) - 1, anchor * 90 + COCO_IDS[kind] - 1
            np.testing.assert_array_equal(after[KERNEL][..., ours], coco[KERNEL][..., theirs])
            assert after[BIAS][ours] == coco[BIAS][theirs]
        cyclist = anchor * 8 + KITTI8.id_of("Cyclist") - 1
        np.testing.assert_array_equal(after[KERNEL][..., cyclist], before[KERNEL][..., cyclist])


def test_a_class_with_a_name_of_cocos_own_starts_from_that():
    assert coco_class_map(ClassTable(("Car", "bus", "Tuk-tuk", "person"))) == {1: 3, 2: 6, 4: 1}
    assert coco_class_map(ClassTable(("Traffic_light", "two-wheeler"), {"Motorcycle": "two-wheeler"})) == {1: 10, 2: 4}


def test_a_class_map_outside_the_classes_is_wrong_use(model, arrays):
    with pytest.raises(ValueError, match=r"class_map 1 -> 91: expected 1..8 -> 1..90"):
        load_reference_arrays(model, coco_arrays(arrays), class_map={1: 91})


def test_class_maps_of_the_published_tables():
    assert coco_class_map(KITTI8) == {1: 3, 2: 3, 3: 8, 4: 1, 5: 1, 7: 7}
    assert coco_class_map(KITTI3) == {1: 3, 2: 1}
