"""tasks.absence: a run whose server is away waits for it and goes on, up to a limit."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import httpx
import pytest
from fixtures.web_server import free_port
from prefect import flow, task
from prefect.client import base as client_base
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from deployments.project import send_the_rest
from tasks import absence
from tasks.absence import ServedTask, outlast, wait_for_server
from tasks.artifacts import ProgressBar, show_text


class Door:
    """The one way to a server, which can be shut: then nobody listens, and what was connected is cut off."""

    def __init__(self, url: str) -> None:
        self._behind = httpx.URL(url)
        self.port = free_port("127.0.0.1")
        self.url = str(self._behind.copy_with(port=self.port))
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.open()

    def open(self) -> None:
        self._server = self._do(asyncio.start_server(self._connect, "127.0.0.1", self.port))

    def shut(self) -> None:
        self._do(self._cut())

    def _do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _cut(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind = await asyncio.open_connection(self._behind.host, self._behind.port)
        self._writers |= {writer, behind[1]}
        await asyncio.gather(_pass_on(reader, behind[1]), _pass_on(behind[0], writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture
def door(prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """The server behind a door, for clients that do not try again by themselves."""
    monkeypatch.setattr(absence, "POLL_S", 0.05)
    door = Door(prefect_server)
    with temporary_settings({PREFECT_API_URL: door.url, PREFECT_CLIENT_MAX_RETRIES: 0}):
        yield door
        send_the_rest()
    door.shut()


@pytest.fixture
def said(door: Door, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said of the absence; the door opens as soon as it is noticed."""
    lines: list[str] = []
    monkeypatch.setattr(absence.log, "warning", lambda line, *_: (lines.append(line.split()[0]), door.open()))
    monkeypatch.setattr(absence.log, "info", lambda line, *_: lines.append(line.split()[0]))
    return lines


def test_a_step_that_begins_while_the_server_is_away_begins_when_it_is_back(door, said):
    step = ServedTask(lambda: "done", name="second", tags=["kitti", "cpu"]).with_options(description="as a step is")

    @flow(name="steps")
    def steps() -> str:
        step()
        door.shut()
        return step()

    assert steps() == "done"
    assert said == ["server.away", "server.back"]


def test_a_step_whose_server_goes_away_as_it_begins_is_begun_again(door, said, monkeypatch):
    # Other tags than those of the tests beside it: for some seconds Prefect remembers that nobody limits them.
    step = ServedTask(lambda: "done", name="second", tags=["network"])
    answers = iter([True, False, True])
    monkeypatch.setattr(absence, "_responds", lambda: next(answers))

    @flow(name="steps")
    def steps() -> str:
        door.shut()
        return step()

    assert steps() == "done"
    assert said == ["server.away", "server.back"]


def test_a_plain_task_of_prefect_fails_its_run_then(door):
    """Why there is a `ServedTask`: where this no longer holds, it can go."""

    @flow(name="steps")
    def steps() -> None:
        door.shut()
        with pytest.raises(ConcurrencySlotAcquisitionError):
            task(lambda: "done", name="second", tags=["gpu"])()
        door.open()

    steps()


def test_what_a_step_shows_is_sent_when_the_server_is_back(door, said):
    calls = []

    def second() -> None:
        calls.append("made")
        door.shut()
        show_text("kitti-shown-late", "here", "Shown late")

    @flow(name="shows-late")
    def shows() -> None:
        ServedTask(second, name="second", tags=["kitti"])()

    state = shows(return_state=True)
    assert state.is_completed()
    assert (calls, said) == (["made"], ["server.away", "server.back"])
    with get_client(sync_client=True) as client:
        runs = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
        (artifact,) = client.read_artifacts(flow_run_filter=runs)
    assert artifact.key == "kitti-shown-late"


def test_work_does_not_wait_to_show_how_far_it_is(door, monkeypatch):
    def work() -> None:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 5}):
            bar = ProgressBar("kitti-far", "Work")
            door.shut()
            monkeypatch.setattr(client_base, "time", SimpleNamespace(sleep=pytest.fail))
            bar.update(0.5, "half")

    @flow(name="works")
    def works() -> None:
        ServedTask(work, name="work")()
        door.open()

    works()


def test_the_server_is_not_awaited_for_ever(door, monkeypatch):
    monkeypatch.setattr(absence, "AWAY_S", 0.2)
    door.shut()
    wait_for_server()
    with pytest.raises(httpx.ConnectError), get_client(sync_client=True) as client:
        outlast(client.hello)
    door.open()


def test_an_error_of_the_step_itself_is_no_absence():
    calls = []

    def fails() -> None:
        calls.append(1)
        raise ValueError("wrong use")

    with pytest.raises(ValueError, match="wrong use"):
        outlast(fails)
    assert calls == [1]


@pytest.mark.parametrize(("status", "there"), [(200, True), (404, True), (401, True), (502, False), (503, False)])
def test_whoever_answers_is_there_but_for_a_proxy_that_finds_nobody(site, status, there):
    site.files["api/health"] = b"true"
    site.statuses += [status]
    with temporary_settings({PREFECT_API_URL: f"{site.url}api"}):
        assert absence._responds() is there


def test_without_an_address_there_is_no_server_to_wait_for():
    with temporary_settings({PREFECT_API_URL: None}):
        wait_for_server()


def test_settings_are_copied_once_and_anew_where_they_change():
    first = absence.asking_once()
    assert absence.asking_once().settings is first.settings
    with first:
        assert PREFECT_CLIENT_MAX_RETRIES.value() == 0
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}), absence.asking_once():
        assert PREFECT_API_URL.value() == "http://127.0.0.1:1/api"
        assert PREFECT_CLIENT_MAX_RETRIES.value() == 0
