"""steps.report: a run's page is written once, from the data it was scored on."""

import shutil
from pathlib import Path

import pytest
from fixtures.damage import flip_a_bit

from kittidet.errors import DamagedOutputError
from kittidet.files import read_sealed
from kittidet.runs.run import Run
from kittidet.steps.publish import PublishedRun
from kittidet.steps.report import certify, page_of, report
from kittidet.store import StepOutput, Store, step_key


@pytest.fixture
def run(finished_run, tmp_path) -> PublishedRun:
    """A run of its own, which others do not see change."""
    copied = shutil.copytree(finished_run, tmp_path / "runs" / "mine", ignore=shutil.ignore_patterns("report*"))
    return PublishedRun(path=copied, summary={}, cached=False)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def dataset(synthetic_tree, store) -> StepOutput:
    def make(folder: Path) -> dict:
        shutil.copytree(synthetic_tree.root, folder, dirs_exist_ok=True)
        return {"root": ".", "content": synthetic_tree.digest()}

    return store.get_or_make(step_key("fetch", 1), make)


def test_a_run_gets_its_page_with_pictures_and_a_page_that_is_there_stays(store, run, dataset):
    made = report(store, run, dataset)
    assert (made.page, made.cached) == (page_of(run.path), False)
    assert (made.page.parent / "gallery_best.png").is_file()
    assert (run.path / "results.png").is_file()

    made.page.write_text("the user's own")
    again = report(store, run, dataset)
    assert (again.page, again.cached) == (made.page, True)
    assert made.page.read_text() == "the user's own"
    assert not (run.path / "report-2").exists()


def test_a_published_run_has_its_first_certificate_and_its_page_links_it(published_run):
    run = published_run / "runs" / "tiny"
    certificate = read_sealed(run / "certificate.json")
    assert certificate["passed"]
    assert certificate["settings"]["quick"]
    assert '<a href="../certificate.json">' in page_of(run).read_text()


def test_what_does_not_fit_in_a_fresh_run_is_said(published_copy, caplog):
    flip_a_bit(published_copy / "val.txt")
    run = Run.open(published_copy)
    certify(run, run.find_tree())
    assert any("val.txt: changed since" in r.getMessage() for r in caplog.records if r.levelname == "WARNING")
    assert not read_sealed(published_copy / "certificate.json")["passed"]


def test_other_data_than_the_run_was_scored_on_stops_it_and_leaves_no_page(store, run, dataset):
    label = next((store.path(dataset) / "training" / "label_2").iterdir())
    label.write_text(
        label.read_text() + "Car 0.00 0 0.00 10.00 20.00 90.00 80.00 1.50 1.60 3.90 0.00 1.60 20.00 0.00\n"
    )
    with pytest.raises(DamagedOutputError, match=f"{label.name}: changed since"):
        report(store, run, dataset)
    assert not page_of(run.path).parent.exists()
