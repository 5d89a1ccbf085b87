"""Promises of unpacking: nothing outside the folder, nothing by half, nothing but what the archive claims."""

import os
import random
import shutil
import stat
import struct
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from kittidet.errors import ArchiveError, DiskSpaceError
from kittidet.kitti.archive.unzip import extract_zip

WANTED = ("training/label_2/*.txt",)
MEMBERS = {f"training/label_2/{k:06d}.txt": f"row {k}\n".encode() * 50 for k in range(5)}


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_an_archive_without_members_gives_none(make_zip, tmp_path):
    assert extract_zip(make_zip({}), tmp_path / "out", wanted=WANTED) == ()


def test_only_what_is_wanted_is_unpacked(make_zip, tmp_path):
    others = {
        "testing/label_2/000000.txt": b"x",
        "training/label_2/deep/000000.txt": b"x",
        "training/label_2/a.exe": b"x",
    }
    seen = []
    members = extract_zip(
        make_zip(MEMBERS | others), tmp_path / "out", wanted=WANTED, progress=lambda *a: seen.append(a)
    )
    assert files(tmp_path / "out") == MEMBERS
    assert [m.name for m in members] == list(MEMBERS)
    assert seen[-1][1] == seen[-1][2] == sum(map(len, MEMBERS.values()))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil.txt", "leads out"),
        ("training/label_2/../../../evil.txt", "leads out"),
        ("/etc/evil.txt", "absolute"),
        ("//host/evil.txt", "absolute"),
        ("C:/evil.txt", "absolute"),
        ("c:evil.txt", "absolute"),
        ("..\\evil.txt", "backslash"),
        ("training\\label_2\\evil.txt", "backslash"),
        ("training/label_2/000000.txt\0.png", "control character"),
        ("training/label_2/\n.txt", "control character"),
    ],
)
def test_a_name_that_leads_astray_refuses_the_whole_archive(make_zip, tmp_path, name, why):
    # Written as raw bytes, because zipfile mends some of these names when it writes them.
    stand_in = "p" * len(name)
    path = make_zip(MEMBERS | {stand_in: b"evil"})
    path.write_bytes(path.read_bytes().replace(stand_in.encode(), name.encode()))
    with pytest.raises(ArchiveError, match=why) as caught:
        extract_zip(path, tmp_path / "deep" / "out", wanted=WANTED)
    assert repr(name)[1:-1] in str(caught.value)
    assert {p.name for p in tmp_path.rglob("*")} == {"a.zip"}


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_a_link_or_device_refuses_the_archive(tmp_path, kind):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("training/label_2/000000.txt")
        info.external_attr = (kind | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(ArchiveError, match="link or a device"):
        extract_zip(path, tmp_path / "out", wanted=WANTED)
    assert not (tmp_path / "out").exists()


def test_a_link_left_in_the_folder_is_not_written_through(make_zip, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "training").symlink_to(outside)
    with pytest.raises(ArchiveError, match="is a link"):
        extract_zip(make_zip(MEMBERS), tmp_path / "out", wanted=WANTED)
    assert list(outside.iterdir()) == []


def test_a_link_in_place_of_a_file_is_replaced_not_followed(make_zip, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    folder = tmp_path / "out" / "training" / "label_2"
    folder.mkdir(parents=True)
    (folder / "000000.txt").symlink_to(victim)
    extract_zip(make_zip(MEMBERS), tmp_path / "out", wanted=WANTED)
    assert victim.read_bytes() == b"mine"
    assert files(tmp_path / "out") == MEMBERS


def test_a_bomb_is_refused_before_it_is_unpacked(make_zip, tmp_path):
    path = make_zip({"training/label_2/000000.txt": bytes(50 << 20)})
    with pytest.raises(ArchiveError, match=r"000000\.txt.*claim to unpack to 52,428,800"):
        extract_zip(path, tmp_path / "out", wanted=WANTED)
    assert not (tmp_path / "out").exists()


def _patch_directory(path: Path, offset: int, value: int) -> None:
    """Overwrite a 32-bit field of the first entry of the central directory."""
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + offset, value)
    path.write_bytes(data)


@pytest.mark.parametrize("claimed", [1, 100, 349, 351, 5000])
def test_a_member_that_is_not_of_the_size_it_claims_is_refused_by_name(make_zip, tmp_path, claimed):
    path = make_zip({"training/label_2/000000.txt": b"0123456" * 50})
    _patch_directory(path, 24, claimed)
    with pytest.raises(ArchiveError, match=r"member training/label_2/000000\.txt"):
        extract_zip(path, tmp_path / "out", wanted=WANTED)
    assert files(tmp_path / "out") == {}


def test_a_wrong_checksum_is_refused_by_name_and_what_was_whole_is_kept(make_zip, tmp_path):
    path = make_zip(MEMBERS)
    data = path.read_bytes()
    start = data.index(b"training/label_2/000002.txt") + len("training/label_2/000002.txt")
    path.write_bytes(data[:start] + bytes([data[start] ^ 0xFF]) + data[start + 1 :])
    with pytest.raises(ArchiveError, match=r"member training/label_2/000002\.txt.*Download the archive again"):
        extract_zip(path, tmp_path / "out", wanted=WANTED)
    assert set(files(tmp_path / "out")) == {f"training/label_2/{k:06d}.txt" for k in range(2)}


def test_an_encrypted_member_is_refused(make_zip, tmp_path):
    path = make_zip({"training/label_2/000000.txt": b"x"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="encrypted"):
        extract_zip(path, tmp_path / "out", wanted=WANTED)


def test_a_member_packed_another_way_is_refused(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("training/label_2/000000.txt", b"x" * 100)
    with pytest.raises(ArchiveError, match="its compression method is 14"):
        extract_zip(path, tmp_path / "out", wanted=WANTED)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("training/label_2/000000.txt", b"one")
        archive.writestr("training/label_2/000000.txt", b"two")
    with pytest.raises(ArchiveError, match="twice"):
        extract_zip(path, tmp_path / "out", wanted=WANTED)


@pytest.mark.parametrize("share", [0, 0.3, 0.7, 0.99])
def test_an_archive_cut_short_says_so(make_zip, tmp_path, share):
    path = make_zip(MEMBERS)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ArchiveError, match="truncated or damaged; download it again"):
        extract_zip(path, tmp_path / "out", wanted=WANTED)


def test_an_absent_archive_says_so(tmp_path):
    with pytest.raises(ArchiveError, match="No such file"):
        extract_zip(tmp_path / "no.zip", tmp_path / "out", wanted=WANTED)


def test_any_flipped_byte_gives_the_right_files_or_an_error(make_zip, tmp_path):
    data = make_zip(MEMBERS).read_bytes()
    generator = random.Random(0)
    refused = 0
    for number in range(400):
        damaged = bytearray(data)
        damaged[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
        path, out = tmp_path / "b.zip", tmp_path / f"out{number}"
        path.write_bytes(damaged)
        try:
            members = extract_zip(path, out, wanted=WANTED)
        except ArchiveError:
            refused += 1
        else:
            assert files(out).items() <= MEMBERS.items() or {m.name for m in members} - set(MEMBERS)
        for name, content in files(out).items():
            # A changed name is beyond any checksum; a changed content is not.
            assert content in MEMBERS.values(), name
    assert refused > 30


def test_unpacking_again_writes_only_what_is_missing_or_damaged(make_zip, tmp_path):
    path, out = make_zip(MEMBERS), tmp_path / "out"
    extract_zip(path, out, wanted=WANTED)
    folder = out / "training" / "label_2"
    before = {p.name: p.stat().st_ino for p in folder.iterdir()}
    (folder / "000001.txt").write_bytes((folder / "000001.txt").read_bytes()[:-1] + b"?")
    (folder / "000002.txt").unlink()
    (folder / "000003.txt.unzip").write_bytes(b"half")
    (folder / "000003.txt").unlink()
    extract_zip(path, out, wanted=WANTED)
    assert files(out) == MEMBERS
    after = {p.name: p.stat().st_ino for p in folder.iterdir()}
    assert {name for name in before if before[name] == after[name]} >= {"000000.txt", "000004.txt"}


def test_too_little_room_is_said_before_a_byte_is_written(make_zip, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(DiskSpaceError, match=r"unpacking a\.zip"):
        extract_zip(make_zip(MEMBERS), tmp_path / "out", wanted=WANTED)
    assert files(tmp_path / "out") == {}


def test_a_disk_that_fills_up_midway_leaves_no_half_file(make_zip, tmp_path, monkeypatch):
    rename = Path.replace

    def fill(path, target):
        if target.name == "000002.txt":
            raise OSError(28, os.strerror(28))
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", fill)
    with pytest.raises(DiskSpaceError, match="the disk is full"):
        extract_zip(make_zip(MEMBERS), tmp_path / "out", wanted=WANTED)
    assert set(files(tmp_path / "out")) == {f"training/label_2/{k:06d}.txt" for k in range(2)}


@pytest.mark.parametrize("name", ["n" * 300, "n" * 250, "\u00e9" * 130, "/".join(["n" * 100] * 30)])
def test_a_name_longer_than_a_file_system_allows_refuses_the_archive(make_zip, tmp_path, name):
    with pytest.raises(ArchiveError, match="its name is longer than") as error:
        extract_zip(make_zip({f"training/label_2/{name}.txt": b"row\n"}), tmp_path / "out", wanted=WANTED)
    assert len(str(error.value)) < 1000
    assert not (tmp_path / "out").exists()


def test_the_longest_name_that_a_file_system_allows_is_unpacked(make_zip, tmp_path):
    name = f"training/label_2/{'n' * 245}.txt"
    extract_zip(make_zip({name: b"row\n"}), tmp_path / "out", wanted=WANTED)
    assert files(tmp_path / "out") == {name: b"row\n"}
