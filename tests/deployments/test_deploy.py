"""deployments.deploy: bringing the catalog to a server twice changes nothing, and a schedule makes runs."""

import time

import pytest

from deployments.catalog import CATALOG, POOLS
from deployments.deploy import deploy_all, load_flow

NAME = "kitti-finetune/kitti-finetune"


@pytest.fixture
def client(prefect_server):
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield client


def scheduled_runs(client, deployment_id) -> list:
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId

    return client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id])), limit=5
    )


def test_the_catalog_its_pools_and_the_schedule_come_to_the_server(client, tmp_path):
    names = deploy_all(tmp_path, schedule=None)
    assert [name.partition("/")[2] for name in names] == [entry.name for entry in CATALOG]
    assert {pool.name: client.read_work_pool(pool.name).concurrency_limit for pool in POOLS} == {
        pool.name: pool.limit for pool in POOLS
    }
    first = client.read_deployment_by_name(NAME)
    assert first.parameters == {"preset": "kitti_d0"}
    assert first.job_variables["working_dir"] == str(tmp_path)
    assert [schedule.active for schedule in first.schedules] == [False]
    assert scheduled_runs(client, first.id) == []

    # The form of the pages is nested, and each deployment's has its own preset's values.
    starts = {
        entry.name: form["definitions"]["TrainConfig"]["properties"]["initial_weights"]["default"]
        for entry in CATALOG
        if "preset" in entry.parameters
        for form in [client.read_deployment_by_name(f"{load_flow(entry).name}/{entry.name}").parameter_openapi_schema]
    }
    assert starts == {
        "kitti-finetune": "coco",
        "kitti-finetune-d2": "coco",
        "kitti-retrain": "coco",
        "kitti-demo": "starter",
    }

    # The re-training has its own hour, and a second one is cancelled while one goes on.
    retraining = client.read_deployment_by_name("kitti-retrain/kitti-retrain")
    (weekly,) = retraining.schedules
    assert (weekly.active, weekly.schedule.cron, weekly.schedule.timezone) == (False, "0 4 * * 0", "Europe/Berlin")
    assert retraining.global_concurrency_limit.limit == 1
    assert retraining.concurrency_options.collision_strategy == "CANCEL_NEW"

    # Switched on, the schedule makes runs (with a wrong SQLAlchemy it never does).
    deploy_all(tmp_path, schedule=True)
    second = client.read_deployment_by_name(NAME)
    assert second.id == first.id
    assert [(s.slug, s.active) for s in second.schedules] == [("weekly-retraining", True)]
    deadline = time.monotonic() + 90
    while not (runs := scheduled_runs(client, first.id)) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert runs
    assert all(run.auto_scheduled and run.state.is_scheduled() for run in runs)
    assert {run.expected_start_time.isoweekday() for run in runs} == {6}

    # Deploying again keeps what a person chose.
    deploy_all(tmp_path, schedule=None)
    assert client.read_deployment_by_name(NAME).schedules[0].active
    deploy_all(tmp_path, schedule=False)
    assert not client.read_deployment_by_name(NAME).schedules[0].active
