"""Promises of downloads: whole or absent, resumed, never spliced."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kittidet.download.file import download
from kittidet.errors import ArchiveError

BODY = bytes(range(256)) * 2000
DIGEST = hashlib.sha256(BODY).hexdigest()


@pytest.fixture(autouse=True)
def _serve(site):
    site.files["a.zip"] = BODY
    site.etags["a.zip"] = '"one"'


def left(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir() if not p.name.endswith(".lock")}


def test_a_download_is_whole_with_its_digest_beside_it(site, tmp_path, impatient):
    seen = []
    digest = download(
        site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient, progress=lambda *a: seen.append(a)
    )
    assert (tmp_path / "a.zip").read_bytes() == BODY
    assert digest == DIGEST
    assert (tmp_path / "a.zip.sha256").read_text() == f"{DIGEST}  a.zip\n"
    assert left(tmp_path) == {"a.zip", "a.zip.sha256"}
    assert seen[-1] == ("a.zip", len(BODY), len(BODY))


def test_an_empty_file_is_a_file(site, tmp_path, impatient):
    site.files["a.zip"] = b""
    assert (
        download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient) == hashlib.sha256().hexdigest()
    )
    assert (tmp_path / "a.zip").read_bytes() == b""


def test_a_second_download_asks_the_server_nothing(site, tmp_path, impatient):
    for _ in range(2):
        download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient)
    assert len(site.requests) == 1


def test_a_damaged_file_under_the_final_name_is_fetched_again(site, tmp_path, impatient):
    download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient)
    (tmp_path / "a.zip").write_bytes(BODY[:-1] + b"?")
    download(site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient)
    assert (tmp_path / "a.zip").read_bytes() == BODY


def test_two_at_once_fetch_the_file_once(site, tmp_path, impatient):
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(download, site.url + "a.zip", tmp_path / "a.zip", sha256=None, backoff=impatient)
            for _ in range(4)
        ]
    assert [job.result() for job in jobs] == [DIGEST] * 4
    assert len(site.requests) == 1


def test_other_bytes_than_known_are_an_error_and_not_kept(site, tmp_path, impatient):
    with pytest.raises(ArchiveError, match=f"expected sha256 {'0' * 64}, got {DIGEST}"):
        download(site.url + "a.zip", tmp_path / "a.zip", sha256="0" * 64, backoff=impatient)
    assert left(tmp_path) == set()


def test_a_splice_that_the_server_hid_is_found_by_the_digest(site, tmp_path, impatient):
    """The server keeps its tag although the bytes before the break were others."""
    site.files["a.zip"] = bytes(len(BODY))

    def change(request: int) -> None:
        if request == 2:
            site.files["a.zip"] = BODY

    site.on_request, site.cuts = change, [100_000]
    assert download(site.url + "a.zip", tmp_path / "a.zip", sha256=DIGEST, backoff=impatient) == DIGEST
    assert (tmp_path / "a.zip").read_bytes() == BODY


def test_a_known_digest_may_be_in_capitals(site, tmp_path, impatient):
    assert download(site.url + "a.zip", tmp_path / "a.zip", sha256=DIGEST.upper(), backoff=impatient) == DIGEST


def test_a_disk_that_fills_up_midway_keeps_what_is_there(site, tmp_path):
    """The limit on a file's size stands for the disk's: the write fails in the middle."""
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from kittidet.errors import DiskSpaceError\n"
        "from kittidet.download.file import download\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    download(sys.argv[1], Path(sys.argv[2]), sha256=None)\n"
        "except DiskSpaceError as error:\n"
        "    sys.exit(3 if 'the disk is full' in str(error) else 4)\n"
    )
    dest = tmp_path / "a.zip"
    done = subprocess.run([sys.executable, "-c", code, site.url + "a.zip", str(dest)], check=False)
    assert done.returncode == 3
    assert not dest.exists()
    assert 0 < (tmp_path / "a.zip.part").stat().st_size <= 200_000
    assert download(site.url + "a.zip", dest, sha256=None) == DIGEST


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_a_read_only_folder_is_named(site, tmp_path, impatient, monkeypatch, code):
    def refuse(*_args, **_kwargs):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(ArchiveError, match=r"cannot write there.*store_dir"):
        download(site.url + "a.zip", tmp_path / "sub" / "a.zip", sha256=None, backoff=impatient)


def test_a_file_where_the_folder_should_be_is_named(site, tmp_path, impatient):
    (tmp_path / "sub").write_text("")
    with pytest.raises(ArchiveError, match="cannot write there"):
        download(site.url + "a.zip", tmp_path / "sub" / "a.zip", sha256=None, backoff=impatient)


@pytest.mark.fault
def test_a_killed_download_goes_on_and_never_shows_half_a_file(site, tmp_path):
    site.files["a.zip"] = body = os.urandom(1 << 20) * 200
    site.etags["a.zip"] = '"big"'
    code = (
        "import sys\nfrom pathlib import Path\nfrom kittidet.download.file import download\n"
        "download(sys.argv[1], Path(sys.argv[2]), sha256=None)\n"
    )
    dest, part = tmp_path / "a.zip", tmp_path / "a.zip.part"
    process = subprocess.Popen([sys.executable, "-c", code, site.url + "a.zip", str(dest)])
    while not (part.exists() and part.stat().st_size > 1 << 20):
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not dest.exists()
    download(site.url + "a.zip", dest, sha256=hashlib.sha256(body).hexdigest())
    assert site.requests[-1][1] is not None
    assert dest.read_bytes() == body
