"""A fine-tune starts from weights that mean the same thing, or not at all."""

import keras
import numpy as np
import pytest

from kittidet.classes import KITTI8, ClassTable
from kittidet.config import ModelConfig
from kittidet.detect.checkpoint import DetectorFacts, read_facts, write_checkpoint
from kittidet.errors import CheckpointMismatchError
from kittidet.model.efficientdet import build_efficientdet
from kittidet.model.pretrained import LoadReport
from kittidet.model.reference_names import CLASS_ROWS, reference_variables
from kittidet.presets import STARTER
from kittidet.training.initial import load_initial_weights


@pytest.fixture
def checkpoint(tmp_path, tiny_network, small_model):
    return write_checkpoint(tmp_path, tiny_network, DetectorFacts(small_model, KITTI8, 1, 1, "abc")).path


def test_the_weights_of_a_checkpoint_are_loaded(checkpoint, tiny_network, small_model):
    saved = [np.array(keras.ops.convert_to_numpy(v)) for v in tiny_network.weights]
    for variable in tiny_network.weights:
        variable.assign(keras.ops.zeros_like(variable))
    load_initial_weights(tiny_network, checkpoint, model=small_model, table=KITTI8)
    for variable, expected in zip(tiny_network.weights, saved, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), expected)


def test_classes_of_the_same_name_keep_their_rows_and_others_start_at_random(tmp_path, caplog):
    """case: own_class"""
    model = ModelConfig(variant="lite0", input_hw=(128, 128))
    theirs = ClassTable(("Car", "traffic_light", "Tram"), {"Bus": "Tram"})
    ours = ClassTable(("helmet", "Traffic Light", "bus"))
    old, new = (build_efficientdet("lite0", 3, (128, 128), seed=seed) for seed in (1, 2))
    weights = dict(reference_variables(new))[CLASS_ROWS[0]]
    rows = {}
    for name, network in (("theirs", old), ("before", new)):
        value = keras.ops.convert_to_numpy(reference_variables(network)[CLASS_ROWS[0]])
        rows[name] = np.array(value).reshape(-1, 9, 3)
    path = write_checkpoint(tmp_path, old, DetectorFacts(model, theirs, 1, 1, "abc")).path
    with caplog.at_level("INFO", "kittidet"):
        load_initial_weights(new, path, model=model, table=ours)
    after = keras.ops.convert_to_numpy(weights).reshape(-1, 9, 3)
    np.testing.assert_array_equal(after[..., 0], rows["before"][..., 0])
    np.testing.assert_array_equal(after[..., 1], rows["theirs"][..., 1])
    np.testing.assert_array_equal(after[..., 2], rows["theirs"][..., 2])
    assert "classes=['Traffic Light from traffic_light', 'bus from Tram'] at_random=['helmet']" in caplog.text


def test_another_variant_is_refused_with_both_sides(checkpoint, tiny_network):
    with pytest.raises(CheckpointMismatchError, match="weights of d0, expected d1"):
        load_initial_weights(tiny_network, checkpoint, model=ModelConfig(variant="d1"), table=KITTI8)


@pytest.mark.parametrize(("classes", "maps"), [(90, [None, {1: 3}]), (5, [None])])
def test_coco_rows_become_their_kitti_counterparts_and_other_rows_stay_random(monkeypatch, tmp_path, classes, maps):
    """Loading itself is `model.pretrained`'s business; here it is what it is asked for."""
    asked = []

    def load(network, path, *, class_map=None):
        asked.append(class_map)
        return LoadReport(loaded=(), left_alone=dict.fromkeys(CLASS_ROWS, "other classes"))

    monkeypatch.setattr("kittidet.training.initial.load_checkpoint", load)
    monkeypatch.setattr(
        "kittidet.training.initial.read_checkpoint", lambda path, network: {CLASS_ROWS[1]: np.zeros(9 * classes)}
    )
    table = ClassTable(("Car",))
    load_initial_weights(None, tmp_path / "published.h5", model=ModelConfig(), table=table)
    assert asked == maps


def test_the_bundled_starter_is_a_checkpoint_of_eight_classes_and_small():
    facts = read_facts(STARTER)
    assert (facts.model.variant, facts.table.names) == ("d0", KITTI8.names)
    assert sum(file.stat().st_size for file in STARTER.iterdir()) <= 10e6
