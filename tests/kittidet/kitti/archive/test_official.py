"""Promises of fetching the official archives, against a server on this machine."""

import hashlib
import json

import pytest

from kittidet.config import SourceConfig
from kittidet.errors import ArchiveError, ServerError
from kittidet.kitti.archive.official import fetch_official
from kittidet.kitti.tree import open_tree

ORDER = ["data_object_label_2.zip", "devkit_object.zip", "data_object_image_2.zip"]


@pytest.fixture
def source(site, official_zips, impatient):
    for path in official_zips.iterdir():
        site.files[path.name] = path.read_bytes()
        site.etags[path.name] = f'"{path.name}"'
    return SourceConfig(base_url=site.url, backoff=impatient)


def test_the_three_archives_become_a_tree(site, source, tmp_path):
    seen = []
    root = fetch_official(source, tmp_path / "out", progress=lambda *a: seen.append(a))
    tree = open_tree(root)
    assert len(tree.frame_ids) == 4
    assert len(tree.drive_of()) == 4
    assert [name for name, _ in site.requests] == ORDER
    assert json.loads((root / "archives.json").read_text()) == {
        name: hashlib.sha256(site.files[name]).hexdigest() for name in ORDER
    }
    assert {name for name, _, _ in seen} == set(ORDER)


def test_a_second_fetch_asks_nothing_and_gives_the_same(site, source, tmp_path):
    assert fetch_official(source, tmp_path / "out") == fetch_official(source, tmp_path / "out")
    assert len(site.requests) == 3


@pytest.mark.parametrize("end", ["", "/"])
def test_a_base_address_may_lack_its_last_slash(site, source, tmp_path, end):
    for name in ORDER:
        site.files[f"avg-kitti/{name}"] = site.files.pop(name)
    fetch_official(source.model_copy(update={"base_url": f"{site.url}avg-kitti{end}"}), tmp_path / "out")


def test_breaks_in_every_archive_are_gone_over(site, source, tmp_path):
    site.cuts = [100, None, 100, None, 1000, 1000, None]
    assert len(open_tree(fetch_official(source, tmp_path / "out")).frame_ids) == 4
    labels, devkit, images = ORDER
    # Each goes on at the first byte it lacks.
    assert site.requests == [
        *((labels, None), (labels, "bytes=100-"), (devkit, None), (devkit, "bytes=100-")),
        *((images, None), (images, "bytes=1000-"), (images, "bytes=2000-")),
    ]


def test_a_server_that_ignores_range_is_read_from_the_start_again_and_nothing_is_joined(site, source, tmp_path):
    site.ranges = False
    site.cuts = [100, None, None, 1000, None]
    root = fetch_official(source, tmp_path / "out")
    assert len(open_tree(root).frame_ids) == 4
    assert json.loads((root / "archives.json").read_text()) == {
        name: hashlib.sha256(site.files[name]).hexdigest() for name in ORDER
    }


def test_a_server_that_is_away_for_a_moment_is_asked_again(site, source, tmp_path):
    site.statuses = [503, 200, 429, 502, 200, 200]
    assert len(open_tree(fetch_official(source, tmp_path / "out")).frame_ids) == 4
    assert [name for name, _ in site.requests] == [ORDER[0]] * 2 + [ORDER[1]] * 3 + [ORDER[2]]


def test_a_server_that_stays_away_is_an_error_that_a_later_try_goes_on_from(site, source, tmp_path):
    site.cuts = [None, None, 1000]
    site.statuses = [200, 200, 200, 503, 503, 503, 503]
    with pytest.raises(ServerError, match=r"data_object_image_2\.zip.*503"):
        fetch_official(source, tmp_path / "out")
    assert not list((tmp_path / "out").glob("kitti-*"))
    site.statuses, site.requests[:] = [], []
    assert len(open_tree(fetch_official(source, tmp_path / "out")).frame_ids) == 4
    assert site.requests == [(ORDER[2], "bytes=1000-")]


def test_known_digests_are_held_to(site, source, tmp_path):
    wrong = source.model_copy(update={"sha256": {"data_object_label_2.zip": "0" * 64}})
    with pytest.raises(ArchiveError, match=r"data_object_label_2\.zip: expected sha256 0000"):
        fetch_official(wrong, tmp_path / "out")
    right = {name: hashlib.sha256(site.files[name]).hexdigest() for name in ORDER}
    fetch_official(source.model_copy(update={"sha256": right}), tmp_path / "out")


def test_a_digest_of_no_known_archive_is_refused(source, tmp_path):
    with pytest.raises(ArchiveError, match=r"source\.sha256 names \['labels\.zip'\]"):
        fetch_official(source.model_copy(update={"sha256": {"labels.zip": "0"}}), tmp_path / "out")


def test_a_missing_archive_on_the_server_leaves_no_tree_and_names_the_address(site, source, tmp_path):
    del site.files["data_object_image_2.zip"]
    with pytest.raises(ArchiveError, match=r"data_object_image_2\.zip: .*answered 404.*base_url"):
        fetch_official(source, tmp_path / "out")
    assert not list((tmp_path / "out").glob("kitti-*"))


def test_a_page_in_place_of_an_archive_is_not_unpacked(site, source, tmp_path):
    site.files["data_object_image_2.zip"] = b"<html>please sign in</html>"
    with pytest.raises(ArchiveError, match="expected a complete zip archive"):
        fetch_official(source, tmp_path / "out")
    assert not list((tmp_path / "out").glob("kitti-*"))


def test_an_archive_somebody_put_there_is_not_fetched(site, source, official_zips, tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "data_object_image_2.zip").write_bytes((official_zips / "data_object_image_2.zip").read_bytes())
    fetch_official(source, tmp_path / "out", archives_dir=folder)
    assert [name for name, _ in site.requests] == ORDER[:2]
    assert (folder / "data_object_image_2.zip.sha256").is_file()
