"""tasks.artifacts: named after their run, shown again where a task is Cached, and nothing that could end a training."""

import json
import uuid
from contextlib import nullcontext
from types import SimpleNamespace

import httpx
import pytest

from tasks import artifacts
from tasks.artifacts import FileBar, ProgressBar, keep_shown, kept_shown, show_again, show_facts, show_table, show_text


@pytest.fixture
def sent(monkeypatch) -> list:
    """Pretend to be in a run, and collect what would be sent to the server."""
    calls: list = []

    class Client:
        def create_artifact(self, artifact):
            calls.append(artifact)
            return SimpleNamespace(id=uuid.uuid4())

    monkeypatch.setattr(artifacts, "get_client", lambda *, sync_client: nullcontext(Client()))
    monkeypatch.setattr(artifacts, "update_progress_artifact", lambda *args, **values: calls.append(values))
    monkeypatch.setattr(artifacts, "is_in_run", lambda: True)
    monkeypatch.setattr(artifacts.prefect.runtime.flow_run, "get_name", lambda: "night-run")
    monkeypatch.setattr(artifacts.prefect.runtime.flow_run, "get_root_flow_run_id", lambda: None)
    return calls


def test_outside_a_run_nothing_is_sent_or_kept(sent, monkeypatch, tmp_path):
    monkeypatch.setattr(artifacts, "is_in_run", lambda: False)
    with kept_shown() as shown:
        show_table("k", [{"a": 1}], "d")
        show_text("k", "text", "d")
        ProgressBar("k", "d").update(0.5, "half")
    keep_shown(shown, tmp_path)
    assert sent == []
    assert list(tmp_path.iterdir()) == []


def test_an_artifact_is_called_after_its_run_and_its_key_stays_the_same(sent):
    show_text("k", "text", "The data")
    assert (sent[0].key, sent[0].description, sent[0].data) == ("k", "The data (night-run)", "text")


def test_facts_become_readable_rows(sent):
    show_facts("k", {"n": 3, "share": 0.25, "leakage": None, "counts": {"Car": 2}, "names": []}, "d")
    assert json.loads(sent[0].data) == [
        {"what": "n", "value": "3"},
        {"what": "share", "value": "0.2500"},
        {"what": "leakage", "value": "not known"},
        {"what": "counts", "value": "Car 2"},
        {"what": "names", "value": "none"},
    ]


def test_numbers_in_a_table_are_rounded(sent):
    show_table("k", [{"ap": 0.123456789, "n": 7, "class": "Car"}, {"ap": float("nan"), "n": 0, "class": None}], "d")
    assert json.loads(sent[0].data) == [{"ap": 0.1235, "n": 7, "class": "Car"}, {"ap": None, "n": 0, "class": None}]


def test_what_a_task_showed_is_shown_again_as_it_ended_under_the_new_run_s_name(sent, monkeypatch, tmp_path):
    with kept_shown() as shown:
        bar = ProgressBar("bar", "Fetching")
        show_table("table", [{"ap": 0.5}], "AP")
        bar.update(1.0, "done")
    show_text("elsewhere", "text", "not the task's")
    keep_shown(shown, tmp_path)
    sent.clear()
    monkeypatch.setattr(artifacts.prefect.runtime.flow_run, "get_name", lambda: "day-run")
    task_run_id = uuid.uuid4()
    show_again(tmp_path, task_run_id)
    assert [(a.type, a.key, a.description, a.task_run_id) for a in sent] == [
        ("progress", "bar", "done (day-run)", task_run_id),
        ("table", "table", "AP (day-run)", task_run_id),
    ]
    assert (sent[0].data, json.loads(sent[1].data)) == (100.0, [{"ap": 0.5}])


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "{",
        "3",
        "[3]",
        '[{"kind": "table"}]',
        '[{"no": 1}]',
        '[{"kind": "x", "key": "k", "data": 1, "description": "d"}]',
    ],
)
def test_what_cannot_be_shown_again_is_said_and_ends_nothing(sent, tmp_path, caplog, content):
    if content is not None:
        (tmp_path / artifacts.SHOWN).write_text(content)
    show_again(tmp_path, None)
    assert sent == []
    assert "artifacts.not_shown_again" in caplog.text


def test_a_folder_that_cannot_be_written_ends_nothing(sent, tmp_path, caplog):
    keep_shown([], tmp_path / "no" / "folder")
    assert "artifacts.not_kept" in caplog.text


@pytest.mark.parametrize(("share", "percent"), [(-1.0, 0.0), (0.5, 50.0), (7.0, 100.0)])
def test_progress_stays_between_0_and_100_percent(sent, share, percent):
    ProgressBar("k", "d").update(share, "line")
    assert sent[-1] == {"progress": percent, "description": "line (night-run)"}


def test_a_server_that_is_away_does_not_end_what_is_measured(sent, monkeypatch, caplog):
    def away(*args, **values):
        raise httpx.ConnectError("refused")

    bar = ProgressBar("k", "d")
    monkeypatch.setattr(artifacts, "update_progress_artifact", away)
    bar.update(0.5, "line")
    assert "progress.not_shown" in caplog.text


def test_progress_is_on_the_page_of_the_run_that_started_it_all_once_however_often_it_begins(prefect_server):
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

    @flow
    def training() -> None:
        ProgressBar("training", "Fine-tuning").update(0.25, "epoch 1 of 4")

    @flow
    def finetune() -> None:
        training()

    @flow(flow_run_name="started")
    def started() -> None:
        finetune()
        finetune()

    first = started(return_state=True).state_details.flow_run_id
    with get_client(sync_client=True) as client:
        of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[first]))
        bars = client.read_artifacts(artifact_filter=of_run)
    assert [(bar.key, bar.data) for bar in bars] == [("training", 25.0)]
    assert bars[0].description.startswith("epoch 1 of 4 (")


def test_a_fetch_is_shown_once_a_percent(monkeypatch):
    shown = []

    class Bar:
        def __init__(self, key, description):
            shown.append(key)

        def update(self, share, description):
            shown.append((round(share, 2), description))

    monkeypatch.setattr(artifacts, "ProgressBar", Bar)
    progress = FileBar("k", "d")
    for done in (0, 1, 2, 1000):
        progress("image_2.zip", done, 1000)
    progress("mapping.zip", 5, None)
    assert shown == [
        "k",
        (0.0, "image_2.zip: 0 of 1,000"),
        (1.0, "image_2.zip: 1,000 of 1,000"),
    ]
