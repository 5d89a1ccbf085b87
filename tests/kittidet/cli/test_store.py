"""`kittidet store`: what a person sees of a store, and that nothing goes without --yes."""

import pytest
from fixtures.kept_store import make_output
from typer.testing import CliRunner

from kittidet.__main__ import app
from kittidet.cli.store import describe_age, describe_size
from kittidet.errors import ConfigError, StoreError
from kittidet.store import Store
from kittidet.upkeep.holdings import list_holdings


@pytest.fixture
def call(kept_store, tmp_path, monkeypatch):
    """Return a function: arguments of `kittidet store` -> what it prints, in the folder of store and runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        result = CliRunner().invoke(app, ["store", *arguments])
        if result.exception is not None:
            raise result.exception
        return result.output

    return run


def test_the_list_says_what_keeps_each_output(call, kept_store):
    call("pin", kept_store["free split"], "--reason", "for the paper")
    lines = {line.split()[1]: line for line in call("list").splitlines() if "│" in line}
    assert "old" in lines[kept_store["training"]]
    assert "pin: for the paper" in lines[kept_store["free split"]]
    assert "(left over)" in lines["train-0123456789abcdef.partial"]
    assert "3 days" in lines[kept_store["free records"]]


def test_sizes_are_summed_by_step_and_what_lies_beside_them_is_named(call):
    output = call("size")
    assert "archives/" in output
    assert "1.0 kB" in output
    assert "left over" in output
    assert "free on this disk" in output


def test_pruning_only_says_what_would_go_until_it_is_told_to(call, kept_store, tmp_path):
    before = len(list_holdings(tmp_path / "store"))
    said = call("prune")
    assert kept_store["free records"] in said
    assert kept_store["records"] not in said
    assert "would be removed. Nothing was" in said
    assert len(list_holdings(tmp_path / "store")) == before
    assert "removed: 4" in call("prune", "--yes")
    assert len(list_holdings(tmp_path / "store")) == before - 4
    assert "nothing to remove" in call("prune")


def test_pruning_without_a_folder_of_runs_is_refused(call, tmp_path):
    (tmp_path / "runs").rename(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match=r"runs: no such folder of runs"):
        call("prune", "--yes")
    assert "would be removed" in call("prune", "--runs", "elsewhere")


def test_a_pin_is_taken_away_again(call, kept_store):
    name = kept_store["free split"]
    assert call("pin", name) == f"{name}: pinned\n"
    assert name not in call("prune")
    assert call("pin", name, "--remove") == f"{name}: not pinned any more\n"
    assert name in call("prune")


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (12 * 10**9, "12.0 GB"), (10**16, "10000.0 TB")]
)
def test_a_size_is_said_in_the_unit_that_fits(count, said):
    assert describe_size(count) == said


@pytest.mark.parametrize(("seconds", "said"), [(-5, "0 min"), (300, "5 min"), (3 * 3600, "3 h"), (864_000, "10 days")])
def test_an_age_is_said_in_the_unit_that_fits(seconds, said):
    assert describe_age(seconds) == said


@pytest.fixture
def shared(bucket, tmp_path, monkeypatch):
    """Return a function as `call`, for a store in an object store with one free output, `free`, and a pinned one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    store = Store(bucket)
    for step in ("evaluate", "split"):
        make_output(store, step, 500, of=step)

    def run(*arguments):
        result = CliRunner().invoke(app, ["store", *arguments, "--store", bucket])
        if result.exception is not None:
            raise result.exception
        return result.output

    return run


def test_a_store_on_a_url_is_listed_measured_pinned_and_pruned(shared, bucket):
    names = [name for name, *_ in Store(bucket).shared.commits()]
    shared("pin", names[1], "--reason", "for the paper")
    lines = {line.split()[1]: line for line in shared("list").splitlines() if "│" in line}
    assert "500 B" in lines[names[0]]
    assert "pin: for the paper" in lines[names[1]]
    assert "objects/" in shared("size")
    assert "nothing to remove" in shared("prune")
    assert f"{names[0]}\n" in shared("prune", "--older-than", "0")
    assert "removed: 1, 500 B" in shared("prune", "--older-than", "0", "--yes")
    assert [name for name, *_ in Store(bucket).shared.commits()] == names[1:]
    assert "not pinned any more" in shared("pin", names[1], "--remove")


def test_a_url_of_another_kind_is_a_wrong_setting(call):
    with pytest.raises(ConfigError, match=r"--store: expected a folder, or a URL such as s3://BUCKET/PREFIX"):
        call("list", "--store", "ftp://a/b")
