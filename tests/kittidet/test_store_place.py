"""kittidet.store_place: a folder or a URL, and where the URL's copy on this machine is."""

from pathlib import Path

import pytest

from kittidet.store_place import CACHE_VARIABLE, local_folder, store_place


@pytest.mark.parametrize("url", ["s3://bucket", "s3://bucket/a/b", "gs://bucket/a", "az://container/a"])
def test_a_url_stays_text_in_whatever_form_it_comes(url):
    assert store_place(url) == store_place(f"{url}/") == store_place(Path(url)) == url


@pytest.mark.parametrize("folder", ["store", "/a/b", "../x", "s3", "a:b"])
def test_everything_else_is_a_folder(folder):
    assert store_place(folder) == store_place(Path(folder)) == Path(folder)


@pytest.mark.parametrize("url", ["http://host/a", "s3://", "s3:///a", "s3://bucket?x=1", "s3://b/a#b", "file:///a"])
def test_another_kind_of_url_is_refused(url):
    with pytest.raises(ValueError, match=r"expected a folder, or a URL such as s3://BUCKET/PREFIX"):
        store_place(url)


def test_a_password_in_a_url_is_refused_without_being_told():
    with pytest.raises(ValueError, match="no user or password") as error:
        store_place("s3://key:secret@bucket/a")
    assert "secret" not in str(error.value).replace("AWS_SECRET_ACCESS_KEY", "")


def test_each_store_at_each_address_has_a_cache_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    folders = [local_folder(url) for url in ("s3://bucket/a", "s3://bucket/b", "s3://bucket-a", "gs://bucket/a")]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://elsewhere:9000")
    folders.append(local_folder("s3://bucket/a"))
    assert len(set(folders)) == 5
    assert {folder.parent for folder in folders} == {tmp_path}
    assert folders[0].name.startswith("s3-bucket-a-")


def test_by_default_it_is_in_the_users_cache_and_a_folder_is_itself(monkeypatch, tmp_path):
    monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert local_folder("s3://bucket").parent == tmp_path / "kittidet" / "stores"
    assert local_folder("store") == Path("store").absolute()
