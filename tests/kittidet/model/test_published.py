"""Fetching published weights, from a server of our own with an archive of the same layout."""

import io
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kittidet.config import VARIANTS
from kittidet.errors import ArchiveError
from kittidet.files import digest_file
from kittidet.model.published import archive_url, default_cache_dir, fetch_pretrained


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_args):
        pass


@pytest.fixture
def server(tmp_path):
    """The root folder of a running server, and its address."""
    root = tmp_path / "server"
    (root / "coco2").mkdir(parents=True)
    (root / "coco").mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root))) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield root, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def write_tar(path: Path, members: dict[str, bytes], *, link: str | None = None) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        if link is not None:
            info = tarfile.TarInfo("efficientdet-d0/link")
            info.type, info.linkname = tarfile.SYMTYPE, link
            tar.addfile(info)


def test_addresses_are_the_published_ones():
    assert archive_url("d7x").endswith("/efficientdet/coco2/efficientdet-d7x.tar.gz")
    assert archive_url("lite3x").endswith("/efficientdet/coco/efficientdet-lite3x.tgz")
    assert len({archive_url(v) for v in VARIANTS}) == 15
    with pytest.raises(ValueError, match="unknown variant"):
        archive_url("d8")


def test_the_archive_is_fetched_once_unpacked_and_its_sha256_recorded(server, tmp_path):
    root, url = server
    write_tar(
        root / "coco2" / "efficientdet-d0.tar.gz",
        {"efficientdet-d0/checkpoint": b"x", "efficientdet-d0/model.index": b"y"},
    )
    seen = []
    folder = fetch_pretrained("d0", cache_dir=tmp_path / "cache", base_url=url, progress=lambda *p: seen.append(p))
    assert (folder / "efficientdet-d0" / "model.index").read_bytes() == b"y"
    archive = tmp_path / "cache" / "efficientdet-d0.tar.gz"
    assert (tmp_path / "cache" / "efficientdet-d0.tar.gz.sha256").read_text().startswith(digest_file(archive))
    assert seen[-1][1] == archive.stat().st_size
    (root / "coco2" / "efficientdet-d0.tar.gz").unlink()
    assert fetch_pretrained("d0", cache_dir=tmp_path / "cache", base_url=url) == folder


def test_without_a_network_the_message_says_which_file_to_put_where_and_that_works(server, tmp_path):
    _, url = server
    cache = tmp_path / "cache"
    with pytest.raises(ArchiveError) as raised:
        fetch_pretrained("lite0", cache_dir=cache, base_url=url, progress=lambda *_: None)
    assert f"fetch {url}/coco/efficientdet-lite0.tgz elsewhere, put it at {cache / 'efficientdet-lite0.tgz'}" in str(
        raised.value
    )
    write_tar(cache / "efficientdet-lite0.tgz", {"efficientdet-lite0/model.index": b"z"})
    folder = fetch_pretrained("lite0", cache_dir=cache, base_url=url)
    assert (folder / "efficientdet-lite0" / "model.index").read_bytes() == b"z"
    assert (cache / "efficientdet-lite0.tgz.sha256").is_file()


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/../../evil", "..\\evil", "C:evil"])
def test_a_name_that_leads_outside_is_refused_and_nothing_is_left(tmp_path, name):
    write_tar(tmp_path / "efficientdet-d0.tar.gz", {"good": b"1", name: b"2"})
    with pytest.raises(ArchiveError, match="outside the folder"):
        fetch_pretrained("d0", cache_dir=tmp_path)
    assert not (tmp_path / "efficientdet-d0").exists()
    assert not list(tmp_path.rglob("evil"))
    assert not list(tmp_path.rglob("good"))


def test_links_are_refused(tmp_path):
    write_tar(tmp_path / "efficientdet-d0.tar.gz", {}, link="/etc/passwd")
    with pytest.raises(ArchiveError, match="is a link"):
        fetch_pretrained("d0", cache_dir=tmp_path)


@pytest.mark.parametrize("limit", ["MAX_MEMBERS", "MAX_UNPACKED_BYTES"])
def test_an_archive_of_too_many_or_too_large_members_is_refused(tmp_path, monkeypatch, limit):
    write_tar(tmp_path / "efficientdet-d0.tar.gz", {"one": b"12", "two": b"34"})
    monkeypatch.setattr(f"kittidet.model.published.{limit}", 1)
    with pytest.raises(ArchiveError, match="more than"):
        fetch_pretrained("d0", cache_dir=tmp_path)
    assert not [p for p in tmp_path.iterdir() if p.is_dir()]


@pytest.mark.parametrize("damage", ["cut", "text"])
def test_a_damaged_archive_is_an_error_that_says_so(tmp_path, damage):
    archive = tmp_path / "efficientdet-d0.tar.gz"
    write_tar(archive, {"efficientdet-d0/model.data": bytes(range(256)) * 4000})
    archive.write_bytes(archive.read_bytes()[:400] if damage == "cut" else b"not an archive")
    with pytest.raises(ArchiveError, match="cannot be unpacked"):
        fetch_pretrained("d0", cache_dir=tmp_path)
    assert not (tmp_path / "efficientdet-d0").exists()


def test_the_cache_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "kittidet" / "pretrained"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache_dir() == Path.home() / ".cache" / "kittidet" / "pretrained"
