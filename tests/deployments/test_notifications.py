"""deployments.notifications: a webhook hears of the four kinds in a sentence each, and nobody sees its address."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID, uuid4

import httpx
import pytest

from deployments.local.processes import ProcessError
from deployments.notifications import EVENTS, OFF, ensure_notifications, notifications
from tasks.gpu_pool import DEPLOYMENT as CHILD

SECRET = "s3cret-of-the-hook"


@pytest.fixture
def receiver():
    """Where messages are posted to, and those that came: path, content type and body."""
    came: list[tuple[str, str, bytes]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append((self.path, self.headers["Content-Type"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_facts: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook/{SECRET}", came
    server.shutdown()
    server.server_close()


def messages(came) -> dict[str, dict]:
    return {message["kind"]: message for message in (json.loads(body) for *_, body in came)}


def test_the_four_kinds_arrive_and_the_address_is_seen_nowhere(prefect_server, prefect_project, receiver):
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.states import Failed

    from tasks.retraining import send_event

    address, came = receiver

    @flow(name="telling")
    def telling() -> None:
        for kind, event in EVENTS.items():
            said = {"sentence": f'The "{kind}" of <street>.', "ap": 0.125, "rows": []}
            send_event(event.removeprefix("kittidet."), "street", said)

    with get_client(sync_client=True) as client:
        ours, child = (client.create_deployment(client.create_flow(telling), name=name) for name in ("ours", "child"))
        try:
            assert ensure_notifications({"telling/ours": ours, CHILD: child}, address) == "127.0.0.1"
            failed = client.create_flow_run_from_deployment(ours, name="street 2026-11-28")
            deadline = time.monotonic() + 60
            # The server's triggers hear of new automations a moment later: until they have, it is told again.
            while len(messages(came)) < 4 and time.monotonic() < deadline:
                for run in (client.create_flow_run_from_deployment(child), failed):
                    client.set_flow_run_state(run.id, Failed(message="no room:\n2 GB are missing"), force=True)
                telling()
                time.sleep(3)
            heard = messages(came)
            assert set(heard) == {"failed", *EVENTS}
            assert {(path, kind) for path, kind, _ in came} == {(f"/hook/{SECRET}", "application/json")}
            assert heard["failed"]["text"] == "Run street 2026-11-28 failed: no room: 2 GB are missing"
            assert heard["failed"]["ap"] is None
            # None of runs that another run waits for.
            assert {json.loads(b)["run"] for *_, b in came if b'"failed"' in b} == {"street 2026-11-28"}
            ids = {run.name: run.id for run in client.read_flow_runs()}
            assert {m["link"].rpartition("/")[2] == str(ids[m["run"]]) for m in heard.values()} == {True}
            assert {m["link"].startswith("http://") for m in heard.values()} == {True}
            for kind in EVENTS:
                assert (heard[kind]["text"], heard[kind]["ap"]) == (f'The "{kind}" of <street>.', 0.125)
            assert SECRET not in everything_shown(prefect_server, prefect_project)
        finally:
            ensure_notifications({}, OFF)
    assert ensure_notifications({}, None) is None


def everything_shown(api: str, project) -> str:
    """What the server tells of blocks, automations, events and runs, and every log and file of the project."""
    kinds = ("block_documents", "automations", "events", "flow_runs", "artifacts")
    found = [httpx.post(f"{api}/{kind}/filter", json={}).text for kind in kinds]
    assert "kittidet-notifications" in found[0]
    assert "kittidet: tell" in found[1]
    return "".join([*found, *(file.read_text(errors="replace") for file in project.state_dir.rglob("*.*"))])


def test_an_address_that_is_none_is_refused_and_not_repeated():
    for wrong in (SECRET, f"ftp://host/{SECRET}", f"https:///{SECRET}", f"http://[{SECRET}/"):
        with pytest.raises(ProcessError, match="expected an address") as told:
            ensure_notifications({}, wrong)
        assert SECRET not in str(told.value)


def test_the_message_is_json_whatever_the_event_lacks():
    from prefect.server.events.jinja_filters import all_filters
    from prefect.server.utilities.user_templates import register_user_template_filters, render_user_template_sync

    register_user_template_filters(all_filters)
    for automation in notifications(uuid4(), [uuid4()]):
        text = render_user_template_sync(automation.actions[0].payload, {"event": {"payload": {}}, "flow_run": None})
        assert set(json.loads(text)) == {"text", "kind", "run", "ap", "link"}


def test_doing_it_again_keeps_what_a_person_switched_off(prefect_server, receiver):
    from prefect.client.orchestration import get_client
    from prefect.utilities.asyncutils import run_coro_as_sync

    names = [automation.name for automation in notifications(uuid4(), [])]

    async def known(*, switch_off: bool) -> list[tuple[UUID, bool]]:
        async with get_client() as client:
            found = [a for name in names for a in await client.read_automations_by_name(name)]
            if switch_off:
                await client.pause_automation(found[1].id)
            return [(a.id, a.enabled) for a in found]

    try:
        ensure_notifications({"a/a": uuid4()}, receiver[0])
        first = run_coro_as_sync(known(switch_off=True))
        assert ensure_notifications({"a/a": uuid4()}, None) == "the webhook of before"
        second = run_coro_as_sync(known(switch_off=False))
        assert [a for a, _ in second] == [a for a, _ in first]
        assert [enabled for _, enabled in second] == [True, False, True, True]
    finally:
        ensure_notifications({}, OFF)
    assert run_coro_as_sync(known(switch_off=False)) == []
