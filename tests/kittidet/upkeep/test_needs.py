"""kittidet.upkeep.needs: every output of a run is known to be of it, in runs of earlier versions too."""

import json

import pytest

from kittidet.errors import StoreError
from kittidet.files import write_json
from kittidet.store import MANIFEST
from kittidet.upkeep.holdings import list_holdings
from kittidet.upkeep.needs import needs_of_runs, runs_that_need


@pytest.fixture
def keepers(kept_store, tmp_path):
    """Return a function: what is there now -> runs by what the output is."""

    def find():
        holdings, needs = list_holdings(tmp_path / "store"), needs_of_runs([tmp_path / "runs"])
        runs = {holding.name: runs_that_need(holding, needs, holdings) for holding in holdings}
        return {what: runs[name] for what, name in kept_store.items()}

    return find


def test_each_output_names_its_runs(keepers):
    of_old = ["data", "validation", "split", "records", "training", "best", "other"]
    expected = {**{what: ["old"] for what in of_old}, "new": ["new"], "free records": [], "free split": []}
    assert keepers() == expected


def test_an_output_that_says_nothing_of_itself_is_kept_for_runs_that_say_nothing_either(keepers, kept_store, tmp_path):
    (tmp_path / "store" / kept_store["free split"] / MANIFEST).unlink()
    (tmp_path / "store" / kept_store["new"] / MANIFEST).unlink()
    assert keepers()["free split"] == ["old"]
    assert keepers()["new"] == ["new", "old"]


def test_the_lists_that_a_run_was_split_by_are_its_own(keepers, kept_store, tmp_path):
    """As a re-training freezes them in the store: without them its configuration leads nowhere."""
    lists = tmp_path / "store" / kept_store["free split"]
    file = tmp_path / "runs" / "new" / "config.json"
    config = json.loads(file.read_text())
    config["split"] |= {"method": "lists", "train_list": str(lists / "train.txt"), "val_list": str(lists / "val.txt")}
    write_json(file, config)
    assert keepers()["free split"] == ["new"]
    assert keepers()["free records"] == []


def test_folders_that_are_no_runs_need_nothing(tmp_path):
    (tmp_path / "runs" / "notes").mkdir(parents=True)
    assert needs_of_runs([tmp_path / "runs"]) == []


@pytest.mark.parametrize("text", ["{", "[]", '{"digests": 3}'])
def test_a_run_that_cannot_be_read_is_an_error_for_nothing_is_free_then(kept_store, tmp_path, text):
    (tmp_path / "runs" / "old" / "summary.json").write_text(text)
    with pytest.raises(StoreError, match=r"old.summary\.json"):
        needs_of_runs([tmp_path / "runs"])


def test_a_folder_of_runs_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"nowhere: no such folder of runs.*--runs"):
        needs_of_runs([tmp_path / "nowhere"])
