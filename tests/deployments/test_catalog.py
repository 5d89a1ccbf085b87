"""deployments.catalog: every entry names a flow, a pool and parameters that exist."""

import pytest

from deployments.catalog import CATALOG, POOLS
from deployments.deploy import load_flow
from kittidet.presets import PRESETS
from tasks.gpu_pool import DEPLOYMENT

BY_NAME = {entry.name: entry for entry in CATALOG}


def test_names_are_unique_so_that_they_can_be_run_without_their_flow():
    assert len(BY_NAME) == len(CATALOG)
    assert "kitti-finetune" in BY_NAME


@pytest.mark.parametrize("entry", CATALOG, ids=lambda entry: entry.name)
def test_an_entry_names_a_flow_a_pool_and_parameters_that_are_accepted(entry):
    flow = load_flow(entry)
    assert entry.pool in {pool.name for pool in POOLS}
    assert entry.description
    if not flow.parameters.required:
        accepted = flow.validate_parameters(dict(entry.parameters))
        assert set(entry.parameters) <= set(accepted)
    if entry.cron is not None:
        # A scheduled run fills in no form.
        assert not flow.parameters.required


def test_every_preset_can_be_run_from_the_pages():
    assert {entry.parameters["preset"] for entry in CATALOG if "preset" in entry.parameters} == set(PRESETS)


def test_the_training_that_the_flow_starts_is_in_the_gpu_pool():
    flow_name, _, name = DEPLOYMENT.partition("/")
    assert load_flow(BY_NAME[name]).name == flow_name
    assert BY_NAME[name].pool == "kitti-gpu"
    assert {pool.name: pool.limit for pool in POOLS}["kitti-gpu"] == 1
