"""tasks.validate: findings are shown whether or not they stop the run, and are judged anew each time."""

import shutil

import pytest

from kittidet.config import SourceConfig, ValidateConfig
from kittidet.errors import DatasetContractError
from kittidet.store import Store
from tasks import validate as module
from tasks.fetch import fetch
from tasks.validate import validate


@pytest.fixture
def bad(tmp_path, synthetic_root):
    shutil.copytree(synthetic_root / "training", tmp_path / "bad" / "training")
    (tmp_path / "bad" / "training" / "label_2" / "000001.txt").write_text("Car 0.00 0\n")
    return fetch.fn(tmp_path / "store", SourceConfig(kind="folder", path=tmp_path / "bad"))


@pytest.fixture
def shown(monkeypatch) -> dict:
    tables: dict = {}
    monkeypatch.setattr(module, "show_table", lambda key, rows, description: tables.update({key: rows}))
    monkeypatch.setattr(module, "show_facts", lambda key, facts, description: tables.update({key: facts}))
    return tables


def test_a_clean_set_shows_no_findings(prepared, shown):
    result = validate.fn(prepared.store_dir, prepared.dataset, ValidateConfig())
    assert result == prepared.validation
    assert set(shown) == {"kitti-validation"}


def test_too_many_findings_stop_the_run_and_are_shown(bad, shown, tmp_path):
    with pytest.raises(DatasetContractError, match="1 of 10 frames"):
        validate.fn(tmp_path / "store", bad, ValidateConfig(max_bad_share=0.05))
    assert any(row["frame_id"] == "000001" for row in shown["kitti-findings"])


def test_a_record_of_a_lenient_run_does_not_satisfy_a_strict_one(bad, tmp_path):
    store_dir = tmp_path / "store"
    validate.fn(store_dir, bad, ValidateConfig(max_bad_share=1))
    dataset = bad.output(Store(store_dir))
    assert module._key(Store(store_dir), dataset, ValidateConfig(max_bad_share=1)) is not None
    assert module._key(Store(store_dir), dataset, ValidateConfig(max_bad_share=0)) is None


def test_a_record_of_findings_that_leave_no_frame_satisfies_nobody(synthetic_root, tmp_path):
    shutil.copytree(synthetic_root / "training", tmp_path / "bad" / "training")
    for label in (tmp_path / "bad" / "training" / "label_2").iterdir():
        label.write_text("Car 0.00\n")
    store_dir, lenient = tmp_path / "store", ValidateConfig(max_bad_share=1)
    dataset = fetch.fn(store_dir, SourceConfig(kind="folder", path=tmp_path / "bad"))
    assert module._key(Store(store_dir), dataset.output(Store(store_dir)), lenient) is not None
    with pytest.raises(DatasetContractError, match="got none"):
        validate.fn(store_dir, dataset, lenient)
    assert module._key(Store(store_dir), dataset.output(Store(store_dir)), lenient) is None
