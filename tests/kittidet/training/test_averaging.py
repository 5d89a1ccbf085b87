"""The mean of checkpoints is a checkpoint, and damage to one of them is not averaged in."""

from dataclasses import replace

import numpy as np
import pytest

from kittidet.classes import KITTI8
from kittidet.detect.checkpoint import DetectorFacts, list_checkpoints, read_facts, write_checkpoint
from kittidet.errors import CheckpointMismatchError
from kittidet.training.averaging import write_average


@pytest.fixture
def written(tmp_path, tiny_network, small_model):
    """Three checkpoints of weights that are all 1, 2 and 6."""
    facts = DetectorFacts(small_model, KITTI8, records_digest="abc")
    for number, value in enumerate((1.0, 2.0, 6.0), start=1):
        tiny_network.set_weights([np.full_like(w, value) for w in tiny_network.get_weights()])
        write_checkpoint(tmp_path, tiny_network, replace(facts, step=10 * number, epoch=number))
    return tmp_path, tiny_network, facts


def test_the_mean_of_every_weight_is_written_with_the_steps_it_is_of(written):
    folder, network, facts = written
    made = write_average(folder, network, list_checkpoints(folder), facts)
    assert (made.path.name, made.step, made.epoch, made.average_of) == ("average-00000030", 30, 3, (10, 20, 30))
    assert read_facts(made.path) == replace(facts, step=30, epoch=3, average_of=(10, 20, 30))
    assert all((w == 3).all() for w in network.get_weights())
    assert list_checkpoints(folder)[0].path.name == "average-00000030"


def test_a_damaged_checkpoint_is_named_and_no_average_written(written):
    folder, network, facts = written
    checkpoints = list_checkpoints(folder)
    (checkpoints[1].path / "model.weights.h5").write_bytes(b"")
    with pytest.raises(CheckpointMismatchError, match="step-00000020"):
        write_average(folder, network, checkpoints, facts)
    assert not list(folder.glob("average-*"))
