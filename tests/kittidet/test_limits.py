"""kittidet.limits: a machine's owner says which folders and hosts a configuration may name."""

import os

import pytest

from kittidet.config import RunConfig
from kittidet.config_file import load_run_config
from kittidet.errors import ConfigError
from kittidet.limits import HOSTS, ROOTS, check_host, check_limits, check_path, check_store

KEYS = ["store_dir", "runs_dir", "source.path", "source.annotations", "source.images_dir", "split.val_list"]


@pytest.fixture
def roots(tmp_path, monkeypatch):
    """Two allowed folders."""
    folders = [tmp_path / "data", tmp_path / "work"]
    for folder in folders:
        folder.mkdir()
    monkeypatch.setenv(ROOTS, os.pathsep.join(map(str, folders)))
    monkeypatch.chdir(folders[1])
    return folders


def test_without_limits_everything_is_allowed(tmp_path, monkeypatch):
    for name in (ROOTS, HOSTS):
        monkeypatch.delenv(name, raising=False)
    check_path(tmp_path, what="a")
    check_host("https://anywhere.example/", what="a")


@pytest.mark.parametrize("inside", ["", "new/deeper", "a/../b"])
def test_what_is_in_an_allowed_folder_may_be_named(roots, inside):
    for root in roots:
        check_path(root / inside, what="source.path")


@pytest.mark.parametrize("outside", ["/etc/passwd", "..", "../datab", "../data/../../etc", "link/a", "circle"])
def test_what_is_outside_may_not_however_it_is_reached(roots, tmp_path, outside):
    (roots[1] / "link").symlink_to(tmp_path)
    (roots[1] / "circle").symlink_to(roots[1] / "circle")
    with pytest.raises(ConfigError, match=f"source.path: .* is outside of the folders .*{ROOTS}"):
        check_path(roots[1] / outside, what="source.path")


@pytest.mark.parametrize("key", [*KEYS, "train.initial_weights"])
def test_every_path_of_a_configuration_is_checked(roots, key):
    load_run_config(RunConfig(), None, [f"{key}={roots[0]}/a"])
    with pytest.raises(ConfigError, match=f"{key}: /etc/a is outside"):
        load_run_config(RunConfig(), None, [f"{key}=/etc/a"])


def test_paths_of_each_split_are_checked(roots):
    with pytest.raises(ConfigError, match=r"source\.annotations\.val: /etc/b is outside"):
        load_run_config(RunConfig(), None, [f"source.annotations={{train: {roots[0]}/a, val: /etc/b}}"])


@pytest.mark.parametrize("host", ["data.example", "DATA.example", "data.example.", "a.b.mirror.example:8443"])
def test_an_allowed_host_may_be_named(monkeypatch, host):
    monkeypatch.setenv(HOSTS, "data.example, *.mirror.example")
    check_host(f"https://{host}/kitti/", what="source.base_url")


@pytest.mark.parametrize(
    "host", ["evil.example", "data.example.evil", "xmirror.example", "mirror.example", "127.0.0.1"]
)
def test_another_host_may_not(monkeypatch, host):
    monkeypatch.setenv(HOSTS, "data.example,*.mirror.example")
    with pytest.raises(ConfigError, match=r"base_url: .* is not among the hosts .*data\.example, \*\.mirror\.example"):
        check_limits(RunConfig(source={"base_url": f"https://{host}/"}))


def test_a_cluster_of_another_host_may_not(monkeypatch):
    """What its workers send back is unpickled here, which can run code."""
    monkeypatch.setenv(HOSTS, "data.example")
    with pytest.raises(ConfigError, match=r"compute\.address: evil\.example is not among"):
        load_run_config(RunConfig(), None, ["source.kind=synthetic", "compute.address=tcp://evil.example:8786"])


def test_an_address_that_is_not_used_may_be_any(monkeypatch):
    monkeypatch.setenv(HOSTS, "data.example")
    assert load_run_config(RunConfig(), None, ["source.kind=synthetic"]).source.kind == "synthetic"


@pytest.mark.parametrize("url", ["s3://ours", "s3://ours/store", "gs://theirs/kitti", "gs://theirs/kitti/a"])
def test_an_allowed_object_store_may_be_named(monkeypatch, url):
    monkeypatch.setenv(HOSTS, "data.example, s3://ours/, gs://theirs/kitti")
    check_store(url, what="store_dir")


@pytest.mark.parametrize("url", ["s3://ours2", "s3://data.example/a", "gs://theirs", "gs://theirs/kitti2", "az://ours"])
def test_another_object_store_may_not(monkeypatch, url):
    monkeypatch.setenv(HOSTS, "data.example, s3://ours/, gs://theirs/kitti")
    with pytest.raises(ConfigError, match=rf"store_dir: {url} is not among the object stores .*{HOSTS}"):
        load_run_config(RunConfig(source={"kind": "synthetic"}), None, [f"store_dir={url}"])


def test_where_folders_are_limited_an_object_store_has_to_be_allowed(roots, monkeypatch):
    monkeypatch.delenv(HOSTS, raising=False)
    with pytest.raises(ConfigError, match="not among the object stores"):
        check_store("s3://ours/store", what="store_dir")
    check_store(roots[0] / "store", what="store_dir")
    with pytest.raises(ConfigError, match="outside of the folders"):
        check_store(roots[0].parent, what="store_dir")
