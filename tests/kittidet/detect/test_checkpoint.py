"""A checkpoint is whole or absent, and what is not one is refused with its name."""

import errno
import json
import os
import resource
from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest
from fixtures.damage import flip_a_bit

from kittidet.classes import KITTI8
from kittidet.detect.checkpoint import (
    DetectorFacts,
    detector_path,
    keep_steps,
    list_checkpoints,
    read_facts,
    write_checkpoint,
    write_detector,
    write_half_precision,
)
from kittidet.detect.detector import Detector
from kittidet.errors import CheckpointMismatchError

pytestmark = pytest.mark.usefixtures("tiny_models")


@pytest.fixture
def facts(small_model):
    return DetectorFacts(small_model, KITTI8, step=12, epoch=3, records_digest="abc")


def same_outputs(a, b, atol=1e-6):
    images = np.random.default_rng(0).normal(size=(1, 64, 128, 3)).astype(np.float32)
    for name, value in a(images).items():
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(value), keras.ops.convert_to_numpy(b(images)[name]), atol=atol
        )


def test_a_written_checkpoint_loads_as_the_same_detector(tmp_path, tiny_network, facts):
    checkpoint = write_checkpoint(tmp_path, tiny_network, facts)
    assert (checkpoint.path.name, checkpoint.step, checkpoint.epoch) == ("step-00000012", 12, 3)
    loaded = Detector.load(checkpoint.path)
    assert (loaded.table, loaded.model, loaded.facts.step) == (KITTI8, facts.model, 12)
    same_outputs(loaded.network, tiny_network)


def test_writing_the_same_step_again_replaces_it(tmp_path, tiny_network, facts):
    write_checkpoint(tmp_path, tiny_network, facts)
    tiny_network.trainable_variables[0].assign(keras.ops.ones_like(tiny_network.trainable_variables[0]))
    same_outputs(Detector.load(write_checkpoint(tmp_path, tiny_network, facts).path).network, tiny_network)


def test_a_disk_that_is_full_leaves_no_half_checkpoint_and_the_one_before(tmp_path, tiny_network, facts):
    """As the system itself says it, by a limit on the size of files; HDF5 alone would end the process there."""
    write_checkpoint(tmp_path, tiny_network, facts)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            write_checkpoint(tmp_path, tiny_network, replace(facts, step=13))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [c.step for c in list_checkpoints(tmp_path)] == [12]
    same_outputs(Detector.load(tmp_path / "step-00000012").network, tiny_network)


def test_only_finished_checkpoints_are_listed_and_those_of_other_steps_removed(tmp_path, tiny_network, facts):
    assert list_checkpoints(tmp_path) == []
    for step in (300, 20, 1000):
        write_checkpoint(tmp_path, tiny_network, DetectorFacts(facts.model, KITTI8, step, 1, "abc"))
    (tmp_path / ".step-00009999.partial-0").mkdir()
    (tmp_path / "step-00009998").mkdir()
    assert [c.step for c in list_checkpoints(tmp_path)] == [20, 300, 1000]
    keep_steps(tmp_path, {300, 1000})
    assert [c.step for c in list_checkpoints(tmp_path)] == [300, 1000]
    assert not (tmp_path / ".step-00009999.partial-0").exists()


def test_an_untrained_detector_has_no_records(tmp_path, tiny_network, small_model):
    path = write_detector(tmp_path / "new", tiny_network, DetectorFacts(small_model, KITTI8))
    assert read_facts(path) == DetectorFacts(small_model, KITTI8, step=0, epoch=0, records_digest=None)
    with pytest.raises(OSError, match="new"):
        write_detector(path, tiny_network, DetectorFacts(small_model, KITTI8))


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"model": {"variant": "d99"}}'])
def test_what_is_not_a_checkpoint_is_refused_with_its_name(tmp_path, text):
    if text is not None:
        (tmp_path / "detector.json").write_text(text)
    with pytest.raises(CheckpointMismatchError, match=r"detector\.json"):
        read_facts(tmp_path)


def test_weights_cut_short_are_refused(tmp_path, tiny_network, facts):
    path = write_checkpoint(tmp_path, tiny_network, facts).path
    weights = path / "model.weights.h5"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CheckpointMismatchError, match="changed since it was written"):
        Detector.load(path)
    # Facts of an earlier version hold no digest.
    values = json.loads((path / "detector.json").read_text())
    del values["weights_sha256"]
    (path / "detector.json").write_text(json.dumps(values))
    with pytest.raises(CheckpointMismatchError, match="undamaged"):
        Detector.load(path)


def test_one_flipped_bit_of_the_weights_is_refused(tmp_path, tiny_network, facts):
    path = write_checkpoint(tmp_path, tiny_network, facts).path
    flip_a_bit(path / "model.weights.h5", 0.9)
    with pytest.raises(
        CheckpointMismatchError, match=r"model\.weights\.h5: changed since it was written: expected sha256"
    ):
        Detector.load(path)


def test_weights_of_another_class_table_are_refused(tmp_path, tiny_network, facts):
    path = write_checkpoint(tmp_path, tiny_network, facts).path
    values = json.loads((path / "detector.json").read_text())
    (path / "detector.json").write_text(json.dumps({**values, "classes": ["Car"]}))
    with pytest.raises(CheckpointMismatchError, match="same variant and class table"):
        Detector.load(path)


def test_weights_that_are_not_finite_are_refused(tmp_path, tiny_network, facts):
    tiny_network.trainable_variables[0].assign(keras.ops.full_like(tiny_network.trainable_variables[0], np.nan))
    with pytest.raises(CheckpointMismatchError, match="not finite"):
        Detector.load(write_checkpoint(tmp_path, tiny_network, facts).path)


def test_half_precision_copies_are_smaller_and_load_nearly_equal(tmp_path, tiny_network, facts):
    path = write_checkpoint(tmp_path, tiny_network, facts).path
    half = write_half_precision(path, tmp_path / "starter")
    with h5py.File(half / "model.weights.h5") as file:
        kinds = []
        file.visititems(lambda _, item: kinds.append(item.dtype) if isinstance(item, h5py.Dataset) else None)
    assert np.dtype(np.float32) not in kinds
    assert np.dtype(np.float16) in kinds
    same_outputs(Detector.load(half).network, tiny_network, atol=1e-2)


def test_values_that_do_not_fit_half_precision_are_refused(tmp_path, tiny_network, facts):
    tiny_network.trainable_variables[0].assign(keras.ops.full_like(tiny_network.trainable_variables[0], 1e6))
    path = write_checkpoint(tmp_path, tiny_network, facts).path
    with pytest.raises(CheckpointMismatchError, match="float16"):
        write_half_precision(path, tmp_path / "starter")
    assert not (tmp_path / "starter").exists()


@pytest.mark.parametrize("inside", ["", "weights/best", "best"])
def test_a_run_stands_for_its_best_checkpoint(tmp_path, inside):
    folder = tmp_path / inside
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "detector.json").write_text("{}")
    assert detector_path(tmp_path) == folder


def test_a_weights_file_stands_for_its_folder(tmp_path):
    for name in ("detector.json", "model.weights.h5"):
        (tmp_path / name).write_text("{}")
    assert detector_path(tmp_path / "model.weights.h5") == tmp_path


def test_a_folder_without_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(CheckpointMismatchError, match="expected a run folder"):
        detector_path(tmp_path)
