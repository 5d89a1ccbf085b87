"""kittidet.steps.validate: findings are always there to read; too many stop the run, few are set aside."""

import csv
import shutil
from pathlib import Path

import pytest
from fixtures.damage import flip_a_bit

from kittidet.config import RecordsConfig, SourceConfig, ValidateConfig
from kittidet.errors import DatasetContractError
from kittidet.steps.fetch import fetch
from kittidet.steps.validate import accepted_ids, validate, validate_key
from kittidet.store import StepOutput, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def bad_dataset(store: Store, synthetic_root: Path, tmp_path: Path) -> StepOutput:
    shutil.copytree(synthetic_root / "training", tmp_path / "copy" / "training")
    label = tmp_path / "copy" / "training" / "label_2" / "000004.txt"
    label.write_text("Car 0.00 0 0.00 10.00 20.00 nan 80.00 1.50 1.60 3.90 0.00 1.60 20.00 0.00\n")
    return fetch(store, SourceConfig(kind="folder", path=tmp_path / "copy"))


def test_a_drawn_set_passes_whole(store, synthetic_root):
    dataset = fetch(store, SourceConfig(kind="folder", path=synthetic_root))
    output = validate(store, dataset, ValidateConfig(max_bad_share=0))
    assert output.summary["set_aside"] == 0
    assert len(accepted_ids(store, output)) == output.summary["frames"] == 10


def test_few_bad_frames_are_set_aside_by_name(store, bad_dataset):
    output = validate(store, bad_dataset, ValidateConfig(max_bad_share=0.2))
    assert (store.path(output) / "set_aside.txt").read_text() == "000004\n"
    assert "000004" not in accepted_ids(store, output)
    assert len(accepted_ids(store, output)) == 9


@pytest.mark.parametrize("name", ["findings.csv", "accepted.txt", "set_aside.txt", "summary.json"])
def test_damaged_findings_are_made_again(store, bad_dataset, name):
    output = validate(store, bad_dataset, ValidateConfig(max_bad_share=0.2))
    file = store.path(output) / name
    whole = file.read_bytes()
    flip_a_bit(file)
    assert not validate(store, bad_dataset, ValidateConfig(max_bad_share=0.2)).cached
    assert file.read_bytes() == whole


def test_too_many_bad_frames_stop_the_run_and_the_findings_stay(store, bad_dataset):
    config = ValidateConfig(max_bad_share=0.05)
    with pytest.raises(DatasetContractError, match=r"findings\.csv.*1 of 10 frames \(10\.0%\).*5\.0%"):
        validate(store, bad_dataset, config)
    findings = store.path(validate_key(bad_dataset, config)) / "findings.csv"
    rows = [row for row in csv.DictReader(findings.read_text().splitlines()) if row["severity"] == "error"]
    assert {row["frame_id"] for row in rows} == {"000004"}
    assert rows[0]["file"].endswith("000004.txt")
    assert rows[0]["line"] == "1"


def test_no_frame_left_stops_the_run_whatever_share_is_allowed(store, synthetic_root, tmp_path):
    shutil.copytree(synthetic_root / "training", tmp_path / "copy" / "training")
    for label in (tmp_path / "copy" / "training" / "label_2").iterdir():
        label.write_text("Car 0.00\n")
    dataset = fetch(store, SourceConfig(kind="folder", path=tmp_path / "copy"))
    for _ in range(2):
        with pytest.raises(DatasetContractError, match=r"10 of 10 frames.*got none.*\n.*000000\.txt:1"):
            validate(store, dataset, ValidateConfig(max_bad_share=1))


def test_the_share_is_judged_anew_without_validating_again(store, bad_dataset):
    strict, lenient = ValidateConfig(max_bad_share=0), ValidateConfig(max_bad_share=1)
    assert not validate(store, bad_dataset, lenient).cached
    assert validate(store, bad_dataset, lenient).cached
    with pytest.raises(DatasetContractError):
        validate(store, bad_dataset, strict)


def test_types_that_are_not_listed_are_refused_with_the_setting_before_any_line(store, synthetic_root, tmp_path):
    shutil.copytree(synthetic_root / "training", tmp_path / "copy" / "training")
    for label in (tmp_path / "copy" / "training" / "label_2").iterdir():
        label.write_text("helmt 0.00 0 0.00 10.00 20.00 60.00 80.00 1.50 1.60 3.90 0.00 1.60 20.00 0.00\n")
    dataset, config = fetch(store, SourceConfig(kind="folder", path=tmp_path / "copy")), ValidateConfig()
    said = r"First findings:\n  label_2: 10 labels of types.*helmt 10 \(did you mean helmet\?\).*`records\.unlisted`"
    with pytest.raises(DatasetContractError, match=said):
        validate(store, dataset, config, RecordsConfig(classes=("helmet",)))
    keys = {validate_key(dataset, config, RecordsConfig(classes=("helmet",)))}
    for unlisted in ("leave_out", "ignore"):
        records = RecordsConfig(classes=("helmet",), unlisted=unlisted)
        assert validate(store, dataset, config, records).summary["set_aside"] == 0
        keys.add(validate_key(dataset, config, records))
    assert len(keys) == 3


def test_the_contracts_settings_are_part_of_the_key(bad_dataset):
    assert validate_key(bad_dataset, ValidateConfig()) != validate_key(bad_dataset, ValidateConfig(edge_tolerance_px=7))
