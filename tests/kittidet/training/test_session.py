"""What a run starts with: which batch norms learn, and whether a step goes through its batch in parts."""

import pytest

from kittidet.model.normalization import batch_norms
from kittidet.records.manifest import read_manifest
from kittidet.training.accumulation import AccumulatingDetector
from kittidet.training.session import open_session


@pytest.mark.parametrize(("micro_batch", "in_parts"), [(5, False), (1, True)])
def test_a_step_goes_through_its_batch_in_parts_only_where_memory_asks_for_it(
    tiny_models, train_records, small_model, short_recipe, micro_batch, in_parts
):
    manifest = read_manifest(train_records)
    session = open_session(small_model, short_recipe, manifest, start=None, steps_per_epoch=2, micro_batch=micro_batch)
    assert isinstance(session.detector, AccumulatingDetector) is in_parts
    assert [len(session.variables[name]) > 0 for name in ("network", "optimizer", "epoch")] == [True] * 3
    assert all(norm.trainable for norm in batch_norms(session.detector.network))
