"""Checkpoints of every kind are read whole, or refused with what is wrong."""

import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf
from keras.ops import convert_to_numpy

from kittidet.errors import CheckpointMismatchError
from kittidet.model.efficientdet import build_efficientdet
from kittidet.model.pretrained import load_checkpoint
from kittidet.model.reference_names import CLASS_ROWS, reference_variables
from kittidet.model.reference_rule import weights_by_rule

SIZE = (65, 65)


@pytest.fixture(scope="module")
def model(shallow_networks):
    return build_efficientdet("lite-shallow", 2, SIZE)


@pytest.fixture(scope="module")
def arrays(model):
    return weights_by_rule({name: tuple(v.shape) for name, v in reference_variables(model).items()})


def write_tf1(folder: Path, arrays: dict[str, np.ndarray], name: str = "model") -> Path:
    """A TF1 name-based checkpoint: the layout of the published archives."""
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted(arrays)
    tf.raw_ops.SaveV2(
        prefix=str(folder / name),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant(arrays[n]) for n in names],
    )
    (folder / "checkpoint").write_text(f'model_checkpoint_path: "/somewhere/else/{name}"\n')
    return folder


def write_published_h5(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """A Keras 2 weights file: a group for each layer, datasets named after the variables."""
    with h5py.File(path, "w") as file:
        layers = sorted({name.split("/")[0] for name in arrays})
        file.attrs["layer_names"] = layers
        for layer in layers:
            own = [name for name in arrays if name.split("/")[0] == layer]
            for name in own:
                file.create_dataset(f"{layer}/{name}:0", data=arrays[name])
    return path


def check_loaded(model, arrays) -> None:
    for name, variable in reference_variables(model).items():
        np.testing.assert_array_equal(convert_to_numpy(variable.value), arrays[name])


def test_a_tf1_checkpoint_loads_its_averages_or_on_request_its_raw_weights(model, arrays, tmp_path):
    averages = {f"{n}/ExponentialMovingAverage": a + 1 for n, a in arrays.items() if not n.endswith("kernel")}
    extra = {"global_step": np.int64(7), "box_net/box-0/bias/Momentum": np.zeros(64, np.float32)}
    folder = write_tf1(tmp_path / "efficientdet-lite0", arrays | averages | extra)
    report = load_checkpoint(model, tmp_path)
    assert len(report.loaded) == len(arrays)
    check_loaded(model, {n: a if n.endswith("kernel") else a + 1 for n, a in arrays.items()})
    load_checkpoint(model, folder / "model.index", ema=False)
    check_loaded(model, arrays)
    load_checkpoint(model, folder / "model", ema=False)


def test_of_several_checkpoints_the_one_named_by_the_state_file_is_read(model, arrays, tmp_path):
    write_tf1(tmp_path, {n: a * 2 for n, a in arrays.items()}, "model.ckpt-1")
    write_tf1(tmp_path, arrays, "model.ckpt-2")
    load_checkpoint(model, tmp_path)
    check_loaded(model, arrays)
    (tmp_path / "checkpoint").unlink()
    with pytest.raises(
        CheckpointMismatchError, match=r"several checkpoints \(model.ckpt-1.index, model.ckpt-2.index\)"
    ):
        load_checkpoint(model, tmp_path)


def test_a_published_keras_file_loads(model, arrays, tmp_path):
    report = load_checkpoint(model, write_published_h5(tmp_path / "efficientdet-lite0.h5", arrays))
    assert len(report.loaded) == len(arrays)
    check_loaded(model, arrays)


@pytest.mark.parametrize("name", ["model.keras", "model.weights.h5"])
def test_own_files_load_with_the_same_or_other_classes_and_size(model, arrays, tmp_path, name):
    for key, variable in reference_variables(model).items():
        variable.assign(arrays[key])
    path = tmp_path / name
    model.save(path) if name.endswith(".keras") else model.save_weights(path)
    same = build_efficientdet("lite-shallow", 2, (70, 90))
    assert len(load_checkpoint(same, path).loaded) == len(arrays)
    check_loaded(same, arrays)
    other = build_efficientdet("lite-shallow", 5, SIZE)
    assert set(load_checkpoint(other, path).left_alone) == set(CLASS_ROWS)


def test_weights_of_another_variant_are_refused_with_both_names(model, tmp_path):
    other = build_efficientdet("shallow", 2, SIZE)
    rule = weights_by_rule({name: tuple(v.shape) for name, v in reference_variables(other).items()})
    for path in (write_tf1(tmp_path / "tf1", rule), write_published_h5(tmp_path / "d0.h5", rule)):
        with pytest.raises(
            CheckpointMismatchError, match="Expected a checkpoint of lite-shallow, got backbone efficientnet-shallow"
        ):
            load_checkpoint(model, path)
    other.save(tmp_path / "d0.keras")
    with pytest.raises(CheckpointMismatchError, match="weights of shallow, expected lite-shallow"):
        load_checkpoint(model, tmp_path / "d0.keras")


def test_nan_in_a_checkpoint_is_refused(model, arrays, tmp_path):
    broken = {**arrays, "resample_p6/bn/gamma": np.full(64, np.nan, np.float32)}
    with pytest.raises(CheckpointMismatchError, match="64 of 64 values are NaN"):
        load_checkpoint(model, write_tf1(tmp_path / "nan", broken))


@pytest.mark.parametrize("kind", ["tf1", "h5", "keras", "weights.h5", "zip without weights"])
def test_truncated_files_are_refused(model, arrays, tmp_path, kind):
    path = tmp_path / f"model.{kind}"
    if kind == "tf1":
        write_tf1(path, arrays)
        target = next(path.glob("*.data-*"))
    elif kind == "h5":
        target = write_published_h5(path, arrays)
    elif kind == "keras":
        model.save(path)
        target = path
    elif kind == "weights.h5":
        model.save_weights(path)
        target = path
    else:
        path = tmp_path / "empty.keras"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", '{"class_name": "EfficientDet", "config": {"variant": "lite-shallow"}}')
        target = None
    if target is not None:
        target.write_bytes(target.read_bytes()[: target.stat().st_size // 2])
    with pytest.raises(CheckpointMismatchError, match="truncated"):
        load_checkpoint(model, path)


def test_a_missing_or_unknown_file_names_the_kinds_that_are_read(model, tmp_path):
    (tmp_path / "weights.pkl").write_bytes(b"cos\nsystem\n")
    (tmp_path / "folder").mkdir()
    for name in ("nothing.h5", "weights.pkl", "folder"):
        with pytest.raises(CheckpointMismatchError, match="TF1 checkpoint"):
            load_checkpoint(model, tmp_path / name)


def test_own_weights_that_lack_a_part_of_the_network_are_refused(model, tmp_path):
    """Keras itself only warns, and would leave the random start there."""
    path = tmp_path / "lacking.weights.h5"
    model.save_weights(path)
    with h5py.File(path, "r+") as file:
        del file["layers/bi_fpn/cells"]
    with pytest.raises(CheckpointMismatchError, match=r"lacking.*not all weights of"):
        load_checkpoint(model, path)


def test_own_weights_of_another_variant_are_refused_with_what_was_expected_and_got(model, tmp_path):
    path = tmp_path / "other.weights.h5"
    other = build_efficientdet("shallow", 3, SIZE)
    other.save_weights(path)
    with pytest.raises(CheckpointMismatchError, match=rf"{model.variant}.*Expected \d+ arrays.*got \d+"):
        load_checkpoint(model, path)


def test_a_saved_file_holds_every_weight(model, tmp_path):
    path = tmp_path / "whole.weights.h5"
    model.save_weights(path)
    held = []
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: held.append(name) if isinstance(item, h5py.Dataset) else None)
    assert len([name for name in held if "seed_generator" not in name]) == len(model.weights)
