"""flows.passwords: a password that a flow is called with is in no log and on no server."""

import logging

import pytest
from prefect.client.orchestration import get_client
from prefect.exceptions import ParameterTypeError

SECRET = "hunter2"
ADDRESS = f"https://me:{SECRET}@host/"


@pytest.mark.parametrize("name", ["kitti_finetune", "kitti_retrain"])
@pytest.mark.parametrize(
    "parameters",
    [{"config": {"name": "a", "source": {"base_url": ADDRESS}}}, {"overrides": (f"source.base_url={ADDRESS}",)}],
)
def test_a_password_that_is_refused_is_neither_logged_nor_stored(prefect_server, caplog, name, parameters):
    from importlib import import_module

    flow = getattr(import_module(f"flows.{name}"), name)
    logger = logging.getLogger("prefect.flows")
    logger.addHandler(caplog.handler)
    try:
        state = flow(**parameters, return_state=True)
    finally:
        logger.removeHandler(caplog.handler)
    with pytest.raises(ParameterTypeError, match="no user or password"):
        state.result()
    assert "https://***@host/" in caplog.text
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(state.state_details.flow_run_id)
    for text in (caplog.text, run.model_dump_json(), str(state)):
        assert SECRET not in text
    assert "https://***@host/" in str(run.parameters)
