"""Promises of fetching the official archives, against a server on this machine."""

import hashlib
import json

import pytest

from kittidet.config import SourceConfig
from kittidet.errors import ArchiveError
from kittidet.kitti.archive import fetch_official
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


def test_a_base_address_may_lack_its_last_slash(source, tmp_path):
    fetch_official(source.model_copy(update={"base_url": source.base_url.rstrip("/")}), tmp_path / "out")


def test_breaks_in_every_archive_are_gone_over(site, source, tmp_path):
    site.cuts = [100, None, 100, None, 1000, 1000, None]
    assert len(open_tree(fetch_official(source, tmp_path / "out")).frame_ids) == 4


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
    with pytest.raises(ArchiveError, match="expected a whole zip archive"):
        fetch_official(source, tmp_path / "out")
    assert not list((tmp_path / "out").glob("kitti-*"))


def test_an_archive_somebody_put_there_is_not_fetched(site, source, official_zips, tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "data_object_image_2.zip").write_bytes((official_zips / "data_object_image_2.zip").read_bytes())
    fetch_official(source, tmp_path / "out", archives_dir=folder)
    assert [name for name, _ in site.requests] == ORDER[:2]
    assert (folder / "data_object_image_2.zip.sha256").is_file()
