"""deployments.deploy: the catalog comes to a server, a schedule makes runs, what a person set stays."""

import time
from dataclasses import replace

import pytest

from deployments.catalog import CATALOG, CPU_POOL, POOLS
from deployments.deploy import deploy_all, load_flow
from deployments.project import Project

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
    project = Project(tmp_path)
    deployed = deploy_all(project, schedule=None)
    names = deployed.ids
    assert deployed.kept == ()
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
    deploy_all(project, schedule=True)
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
    deploy_all(project, schedule=None)
    assert client.read_deployment_by_name(NAME).schedules[0].active
    deploy_all(project, schedule=False)
    assert not client.read_deployment_by_name(NAME).schedules[0].active

    # And changes nothing where nothing changed.
    before = client.read_deployment_by_name(NAME)
    assert deploy_all(project, schedule=None).kept == ()
    assert client.read_deployment_by_name(NAME).updated == before.updated


def test_what_a_person_set_in_the_pages_stays_and_the_rest_follows_the_catalog(client, tmp_path, monkeypatch):
    from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolUpdate
    from prefect.client.schemas.objects import ConcurrencyOptions

    project = Project(tmp_path)
    # Other tests may have deployed to this server, of which this project knows nothing.
    for name in deploy_all(project, schedule=False).ids.values():
        client.delete_deployment(name)
    assert deploy_all(project, schedule=None).kept == ()
    known = client.read_deployment_by_name(NAME)
    client.update_deployment(
        known.id,
        DeploymentUpdate(
            description="ours",
            tags=["kitti", "night"],
            parameters={"preset": "kitti_d0", "overrides": ["train.epochs=3"]},
            concurrency_limit=4,
            concurrency_options=ConcurrencyOptions(collision_strategy="ENQUEUE"),
            job_variables={**known.job_variables, "env": {"A": "1"}},
        ),
    )
    client.pause_deployment(known.id)
    client.update_work_pool(CPU_POOL.name, WorkPoolUpdate(concurrency_limit=5))
    changed = client.read_deployment_by_name(NAME)

    # Meanwhile the catalog changed, too: what no person touched, and what one did.
    (entry,) = [entry for entry in CATALOG if entry.name == "kitti-finetune"]
    newer = replace(entry, description="newer", parameters={"preset": "kitti_d2"})
    monkeypatch.setattr("deployments.deploy.CATALOG", (newer, *[e for e in CATALOG if e is not entry]))
    moved = Project(tmp_path / "moved")
    moved.state_dir.mkdir(parents=True)
    (project.state_dir / "deployed.json").rename(moved.state_dir / "deployed.json")
    told = deploy_all(moved, schedule=None).kept

    after = client.read_deployment_by_name(NAME)
    assert (after.description, after.tags, after.paused) == ("ours", changed.tags, True)
    assert after.parameters == {"preset": "kitti_d2", "overrides": ["train.epochs=3"]}
    assert (after.global_concurrency_limit.limit, after.concurrency_options.collision_strategy) == (4, "ENQUEUE")
    assert after.job_variables == {**changed.job_variables, "working_dir": str(moved.root)}
    assert client.read_work_pool(CPU_POOL.name).concurrency_limit == 5
    assert told == (
        "kitti-cpu: limit was changed to 5 in the pages; kept",
        "kitti-finetune: collision strategy was changed to ENQUEUE in the pages; kept",
        "kitti-finetune: concurrency limit was changed to 4 in the pages; kept",
        "kitti-finetune: description was changed to ours in the pages; kept, though the catalog now has newer",
        "kitti-finetune: job variable env was changed to {'A': '1'} in the pages; kept",
        "kitti-finetune: parameter overrides was changed to ['train.epochs=3'] in the pages; kept",
        "kitti-finetune: paused was changed to True in the pages; kept",
        "kitti-finetune: tags was changed to ['kitti', 'night'] in the pages; kept",
    )
    assert deploy_all(moved, schedule=None).kept == told

    client.delete_deployment(known.id)
    client.update_work_pool(CPU_POOL.name, WorkPoolUpdate(concurrency_limit=CPU_POOL.limit))
