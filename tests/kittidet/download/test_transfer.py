"""Promises of transfers: resumed after any break, never spliced, and ended where there is no hope."""

import hashlib
import shutil
import socket
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from kittidet.config import BackoffConfig
from kittidet.download.file import download
from kittidet.download.transfer import Transfer
from kittidet.errors import ArchiveError, DiskSpaceError, ServerError

BODY = bytes(range(256)) * 2000
DIGEST = hashlib.sha256(BODY).hexdigest()


@pytest.fixture(autouse=True)
def _serve(site):
    site.files["a.zip"] = BODY
    site.etags["a.zip"] = '"one"'


def left(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir() if not p.name.endswith(".lock")}


@pytest.mark.parametrize("validator", ["etag", "date"])
def test_a_broken_download_goes_on_where_it_was(site, tmp_path, impatient, validator):
    if validator == "date":
        del site.etags["a.zip"]
        site.dates["a.zip"] = time.time() - 3600
    site.cuts = [100_000, 100_000, None]
    assert download(site.url + "a.zip", tmp_path / "a.zip", sha256=DIGEST, backoff=impatient) == DIGEST
    assert site.requests == [("a.zip", None), ("a.zip", "bytes=100000-"), ("a.zip", "bytes=200000-")]


def test_progress_resets_the_count_of_attempts(site, tmp_path, impatient):
    site.cuts = [50_000] * 9
    assert download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient) == DIGEST
    assert len(site.requests) == 10


def test_a_second_process_goes_on_where_the_first_gave_up(site, tmp_path, impatient):
    site.cuts = [100_000, 0, 0, 0]
    with pytest.raises(ArchiveError, match=r"gave up after 3 .*100,000 bytes are kept"):
        download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient)
    assert not (tmp_path / "a.zip").exists()
    site.cuts = []
    assert download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient) == DIGEST
    assert site.requests[-1] == ("a.zip", "bytes=100000-")


def test_a_whole_part_is_not_asked_for_again(site, tmp_path, impatient, monkeypatch):
    rename = Path.replace

    def die(path, target):
        if path.name == "a.zip.part":
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient)
    assert download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient) == DIGEST
    assert len(site.requests) == 1


@pytest.mark.parametrize("heeds_if_range", [True, False])
def test_a_file_changed_midway_is_started_again_not_spliced(site, tmp_path, impatient, heeds_if_range):
    new = bytes(reversed(BODY))

    def change(request: int) -> None:
        if request == 2:
            site.files["a.zip"], site.etags["a.zip"] = new, '"two"'

    site.on_request, site.cuts, site.heeds_if_range = change, [100_000], heeds_if_range
    download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient)
    assert (tmp_path / "a.zip").read_bytes() == new


def test_a_change_that_only_the_server_can_tell_is_not_spliced(site, tmp_path, impatient):
    """Same size, and parts without a tag: the condition sent along is all there is."""
    new = bytes(reversed(BODY))

    def change(request: int) -> None:
        if request == 2:
            site.files["a.zip"], site.etags["a.zip"] = new, '"two"'

    site.on_request, site.cuts, site.tags_parts = change, [100_000], False
    download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient)
    assert (tmp_path / "a.zip").read_bytes() == new


def test_a_part_from_another_place_than_asked_for_is_not_joined(site, tmp_path, impatient):
    site.cuts, site.shift = [100_000, len(BODY) - 100_000], -1000
    download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient)
    assert (tmp_path / "a.zip").read_bytes() == BODY


def test_a_file_that_shrank_midway_is_started_again(site, tmp_path, impatient):
    def change(request: int) -> None:
        if request == 2:
            site.files["a.zip"] = b"short"

    site.on_request, site.cuts, site.heeds_if_range = change, [100_000], False
    download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient)
    assert (tmp_path / "a.zip").read_bytes() == b"short"


def test_without_range_every_attempt_starts_from_zero(site, tmp_path, impatient):
    site.ranges, site.cuts = False, [100_000, None]
    assert download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient) == DIGEST


def test_without_range_and_with_breaks_for_ever_it_gives_up(site, tmp_path, impatient):
    site.ranges, site.cuts = False, [100_000 + k for k in range(20)]
    with pytest.raises(ArchiveError, match=r"start\(s\) from zero"):
        download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient)
    assert len(site.requests) <= 4
    assert not (tmp_path / "a.zip").exists()


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_bytes_of_a_version_nobody_can_name_are_not_resumed(site, tmp_path, impatient, etag):
    del site.etags["a.zip"]
    if etag is not None:
        site.etags["a.zip"] = etag
    site.cuts = [100_000, None]
    assert download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient) == DIGEST
    assert site.requests == [("a.zip", None), ("a.zip", None)]


def test_a_part_of_another_address_is_dropped(site, tmp_path, impatient):
    site.files["b.zip"], site.etags["b.zip"] = BODY[::-1], '"one"'
    site.cuts = [100_000, 0, 0, 0]
    with pytest.raises(ArchiveError):
        download(site.url + "b.zip", tmp_path / "a.zip", sha256=None, backoff=impatient)
    assert download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient) == DIGEST


def test_a_note_that_does_not_read_drops_the_part(site, tmp_path, impatient):
    (tmp_path / "a.zip.part").write_bytes(b"?" * 1000)
    (tmp_path / "a.zip.part.json").write_text("{")
    assert download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient) == DIGEST


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refusal_fails_at_once(site, tmp_path, impatient, status):
    site.statuses = [status]
    with pytest.raises(ArchiveError, match=rf"the server answered {status}.*base_url"):
        download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient)
    assert len(site.requests) == 1
    assert left(tmp_path) == set()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(site, tmp_path, impatient, status):
    site.statuses = [status, status]
    assert download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient) == DIGEST


def test_a_lasting_500_ends_in_an_error_that_names_it(site, tmp_path, impatient):
    site.statuses = [500] * 9
    with pytest.raises(ServerError, match=r"gave up after 3 .*answered 500"):
        download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient)
    assert len(site.requests) == 3


def test_a_server_that_falls_silent_is_asked_again(site, tmp_path):
    silent = threading.Event()
    site.on_request = lambda request: silent.wait(5) if request == 1 else silent.set()
    quick = BackoffConfig(attempts=3, first_s=0, longest_s=0, timeout_s=0.5)
    assert download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=quick) == DIGEST
    assert len(site.requests) >= 2


def test_a_redirect_away_from_https_is_refused(tmp_path, impatient):
    transfer = Transfer("https://example.org/a.zip", tmp_path / "a.zip", None, impatient, 0.0)
    answer = httpx.Response(200, request=httpx.Request("GET", "http://example.org/a.zip"))
    with pytest.raises(ArchiveError, match="which is not HTTPS"):
        transfer._check_answer(answer)


def test_a_dead_server_ends_in_an_error(tmp_path, impatient):
    with pytest.raises(ArchiveError, match="gave up"):
        download("http://127.0.0.1:9/a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient)


def unresolved(*_args, **_kwargs):
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def test_a_host_that_does_not_resolve_is_tried_once_more_and_no_longer(tmp_path, monkeypatch):
    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    with pytest.raises(ServerError, match=r"after 2 attempt.*name resolution"):
        download("http://no-such-host.invalid/a.zip", tmp_path / "a.zip", sha256=None, backoff=BackoffConfig())
    assert waits == [1]


def test_a_network_that_breaks_off_midway_is_waited_for(site, tmp_path, monkeypatch):
    waits = []
    resolve = socket.getaddrinfo
    site.cuts = [1000]

    def wait(seconds):
        waits.append(seconds)
        monkeypatch.setattr(socket, "getaddrinfo", unresolved if len(waits) < 5 else resolve)

    monkeypatch.setattr(time, "sleep", wait)
    download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=BackoffConfig())
    assert (tmp_path / "a.zip").read_bytes() == site.files["a.zip"]
    assert len(waits) == 5


@pytest.mark.parametrize("url", ["", "a.zip", "ftp://127.0.0.1/a.zip"])
def test_an_address_that_is_none_fails_at_once(tmp_path, url):
    patient = BackoffConfig(attempts=5, first_s=100)
    with pytest.raises(ArchiveError, match="gave up"):
        download(url, tmp_path / "a.zip", sha256=None, backoff=patient)


def test_waits_double_up_to_the_longest(site, tmp_path, monkeypatch):
    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    site.statuses = [500] * 5
    download(
        site.url + "a.zip",
        tmp_path / "a.zip",
        sha256=None,
        backoff=BackoffConfig(attempts=6, first_s=1, longest_s=5, timeout_s=5),
    )
    assert waits == [1, 2, 4, 5, 5]


def test_a_redirect_is_followed(site, tmp_path, impatient):
    site.redirects["b.zip"] = "/a.zip"
    assert download(site.url + "b.zip", tmp_path / "a.zip", sha256=None, backoff=impatient) == DIGEST


def test_bytes_encoded_on_their_way_are_refused(site, tmp_path, impatient):
    site.headers["Content-Encoding"] = "gzip"
    with pytest.raises(ArchiveError, match="encoded as gzip"):
        download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient)


def test_too_little_room_is_said_before_a_byte_is_written(site, tmp_path, impatient, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=len(BODY) + 10))
    with pytest.raises(DiskSpaceError, match=r"a\.zip and its contents: expected 1\.0 MB, got 0\.5 MB free"):
        download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient, reserve_share=1.0)
    assert not (tmp_path / "a.zip").exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2 * len(BODY)))
    download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient, reserve_share=1.0)
