"""A web server on this machine that misbehaves on request, and KITTI-shaped zips for it to serve."""

import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kittidet.config import BackoffConfig


@dataclass
class Site:
    """What a server serves and how.

    Attributes:
        files: name -> bytes.
        etags: name -> entity tag; a name without one is served without validators.
        statuses: answers to give before serving anything, one a request.
        cuts: after how many body bytes to break off, one a request; None serves the rest.
        ranges: whether Range is understood.
        heeds_if_range: whether If-Range is, too.
        tags_parts: whether a part of a file carries the file's entity tag.
        shift: how far from where it was asked for a part starts.
        on_request: called with the number of the request before it is answered.
        requests: (path, Range header or None) of every request so far.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    cuts: list[int | None] = field(default_factory=list)
    ranges: bool = True
    heeds_if_range: bool = True
    tags_parts: bool = True
    shift: int = 0
    dates: dict[str, float] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    on_request: Callable[[int], None] | None = None
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, *args: object) -> None:
        """Keep the test output clean."""

    def do_GET(self) -> None:
        site, name = self.site, self.path.lstrip("/")
        wanted = self.headers.get("Range")
        site.requests.append((name, wanted))
        if site.on_request is not None:
            site.on_request(len(site.requests))
        if name in site.redirects:
            self._answer(302, b"", {"Location": site.redirects[name]})
            return
        status = site.statuses.pop(0) if site.statuses else 200
        if status != 200 or name not in site.files:
            self._answer(status if status != 200 else 404, b"no", {})
            return
        body, headers = site.files[name], dict(site.headers)
        validators = []
        if name in site.etags:
            headers["ETag"] = site.etags[name]
            validators.append(site.etags[name])
        if name in site.dates:
            headers["Last-Modified"] = formatdate(site.dates[name], usegmt=True)
            validators.append(headers["Last-Modified"])
        condition = self.headers.get("If-Range")
        holds = condition is None or condition in validators or not site.heeds_if_range
        if wanted is not None and site.ranges and holds:
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) + site.shift
            if not site.tags_parts:
                headers.pop("ETag", None)
            if start >= len(body):
                self._answer(416, b"", {"Content-Range": f"bytes */{len(body)}"})
                return
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            self._answer(206, body[start:], headers)
        else:
            self._answer(200, body, headers)

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        cut = self.site.cuts.pop(0) if self.site.cuts and status in {200, 206} else None
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        if cut is not None:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body[:cut])
        self.close_connection = cut is not None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_args: object) -> None:
        """Say nothing: clients that break off are what the tests are about."""


@pytest.fixture
def site() -> Iterator[Site]:
    """An empty site on a server of its own."""
    state = Site()
    handler = type("Handler", (_Handler,), {"site": state})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def impatient() -> BackoffConfig:
    """A back-off without waits."""
    return BackoffConfig(attempts=3, first_s=0, longest_s=0, timeout_s=5)


@pytest.fixture
def make_zip(tmp_path: Path) -> Callable[..., Path]:
    """Write a zip of the given members and return its path."""

    def make(members: dict[str, bytes], name: str = "a.zip", folder: Path | None = None) -> Path:
        path = (folder if folder is not None else tmp_path) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, data in members.items():
                archive.writestr(member, data)
        return path

    return make


@pytest.fixture
def official_members() -> dict[str, dict[str, bytes]]:
    """The three official archives' members for four small frames, with members that nobody asks for."""
    pixels = np.random.default_rng(0).integers(0, 255, (4, 40, 120, 3), dtype=np.uint8)
    pngs = []
    for frame in pixels:
        buffer = BytesIO()
        Image.fromarray(frame).save(buffer, "PNG")
        pngs.append(buffer.getvalue())
    row = b"Car 0.00 0 -0.20 10.00 10.00 30.00 30.00 1.89 0.48 1.20 1.84 1.47 8.41 0.01\n"
    drives = b"".join(b"2011_09_26 2011_09_26_drive_%04d_sync 0000000001\n" % (k // 2) for k in range(4))
    return {
        "data_object_image_2.zip": {f"training/image_2/{k:06d}.png": png for k, png in enumerate(pngs)}
        | {"testing/image_2/000000.png": pngs[0]},
        "data_object_label_2.zip": {f"training/label_2/{k:06d}.txt": row * k for k in range(4)},
        "devkit_object.zip": {
            "mapping/train_rand.txt": b"4,3,2,1\n",
            "mapping/train_mapping.txt": drives,
            "cpp/evaluate_object.cpp": b"int main() {}",
        },
    }


@pytest.fixture
def official_zips(tmp_path: Path, make_zip: Callable[..., Path], official_members: dict[str, dict[str, bytes]]) -> Path:
    """A folder with the three official archives."""
    for name, members in official_members.items():
        make_zip(members, name, tmp_path / "zips")
    return tmp_path / "zips"
