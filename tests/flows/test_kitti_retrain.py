"""flows.kitti_retrain: the library's re-training as a run whose final state says in a sentence how it ended."""

import json
import re
import time

import pytest

from kittidet.config_file import load_run_config
from kittidet.registry.registry import Registry


@pytest.fixture
def retrain(prefect_server, graded_training, monkeypatch):
    """Return a function that runs the flow: configuration and overrides -> its final state."""
    from flows.kitti_retrain import kitti_retrain

    monkeypatch.setattr("kittidet.retraining.drift.MIN_FRAMES", 2)

    def run(config, *overrides: str):
        changed = load_run_config(config, overrides=overrides)
        return kitti_retrain(config=changed.model_dump(mode="json"), trainer="here", return_state=True)

    return run


def artifacts(flow_run_id) -> dict:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

    with get_client(sync_client=True) as client:
        of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run_id]))
        return {a.key: a for a in client.read_artifacts(artifact_filter=of_run, limit=200)}


def opened(page: str) -> dict[str, str]:
    """Return what the links of a page lead to: the key of an artifact, or the name of a run's flow."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterId

    found = {}
    with get_client(sync_client=True) as client:
        for text, kind, number in re.findall(r"\[([^]]*)\]\(/(artifacts/artifact|runs/flow-run)/([^)]*)\)", page):
            if kind == "runs/flow-run":
                found[text] = client.read_flow(client.read_flow_run(number).flow_id).name
            else:
                (shown,) = client.read_artifacts(artifact_filter=ArtifactFilter(id=ArtifactFilterId(any_=[number])))
                found[text] = shown.key
    return found


def event_of(name: str, model: str, sentence: str) -> dict:
    """The event of a model that says a sentence, once the server has it."""
    import httpx
    from prefect.events.worker import EventsWorker
    from prefect.settings import PREFECT_API_URL

    EventsWorker.instance().wait_until_empty()
    query = {"filter": {"event": {"name": [name]}, "resource": {"id": [f"kittidet.model.{model}"]}}}
    for _ in range(100):
        found = httpx.post(f"{PREFECT_API_URL.value()}/events/filter", json=query).json()["events"]
        said = [event for event in found if event["payload"]["sentence"] == sentence]
        if said:
            return said[0]
        time.sleep(0.2)
    raise AssertionError(f"no event {name} says {sentence!r}: {found}")


def test_a_first_champion_nothing_new_and_new_data(retrain, growing_config, grow):
    first = retrain(growing_config)
    assert (first.name, first.message) == ("Completed", "street version 1 is the first champion.")
    assert first.result().champion == 1

    same = retrain(growing_config)
    assert same.message == "street is unchanged: data, settings and code are those of version 1."
    found = artifacts(same.state_details.flow_run_id)
    assert found["kitti-decision"].data == same.message
    assert "kitti-training" not in found
    assert "kitti-comparison" not in found

    grow()
    better = retrain(growing_config, "train.epochs=30")
    assert better.result().kind == "promoted"
    assert better.message == Registry(growing_config.store_dir).history("street")[-1].reason
    found = artifacts(better.state_details.flow_run_id)
    assert found["kitti-decision"].data == better.message
    page = found["kitti-comparison"].data
    assert "| AP | version 1, the champion | version 2, the challenger | change |" in page
    assert "](data:image/jpeg;base64," in page
    assert opened(page) == {
        "its run": "kitti-finetune",
        "summary": "kitti-run",
        "more frames": "kitti-predictions",
        "curves and confusion": "kitti-report",
    }
    rows = json.loads(found["kitti-drift"].data)
    assert [row["what"] for row in rows] == ["class mix", "box height", "brightness", "image size"]
    event = event_of("kittidet.model.promoted", "street", better.message)
    assert event["related"][0]["prefect.resource.role"] == "flow-run"
    assert event["payload"]["ap"] == Registry(growing_config.store_dir).champion("street").metrics["ap"].value


def test_what_cannot_be_compared_fails_in_one_line(retrain, growing_config):
    retrain(growing_config)
    state = retrain(growing_config, "model.variant=d2")
    assert state.is_failed()
    assert "cannot start a d2 from the champion" in state.message
    assert retrain(growing_config, "train.epochs=2").message.startswith("street is unchanged")


def test_without_mlflow_who_asks_for_it_hears_so_at_once(retrain, growing_config, monkeypatch):
    monkeypatch.setattr("kittidet.mirror.place.find_spec", lambda _name: None)
    state = retrain(growing_config, "tracking.mlflow=local")
    assert state.is_failed()
    assert "pip install 'kittidet[mlflow]'" in state.message
    assert not growing_config.store_dir.exists()


def test_the_flow_loads_no_tensorflow_before_it_trains():
    import subprocess
    import sys

    code = "import flows.kitti_retrain, sys; print({'tensorflow', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
