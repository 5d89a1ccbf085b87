"""kittidet.runs.verify.verification: a run that nobody touched passes, and one changed byte anywhere is found."""

from pathlib import Path

import pytest
from fixtures.damage import flip_a_bit

from kittidet.files import read_sealed
from kittidet.runs.run import Run
from kittidet.runs.verify.check import Check
from kittidet.runs.verify.verification import verify_run, write_certificate
from kittidet.store import SMALL_BYTES

PLACES = (0.0, 0.3, 0.5, 0.7, 1.0)


def files_of(run: Path) -> list[Path]:
    """Every file of a run and its store, but for logs, locks, the certificate and what the store remembers."""
    store = run.parents[1] / "store"
    files = [p for root in (run, store) for p in sorted(root.rglob("*")) if p.is_file() and p.stat().st_size]
    return [p for p in files if "logs" not in p.parts and p.name not in {".inventory.json", "certificate.json"}]


def test_an_untouched_run_passes_every_check(published_run, tiny_models):
    checks = list(verify_run(Run.open(published_run / "runs" / "tiny")))
    assert [c.problems for c in checks if c.problems] == []
    assert {c.state for c in checks} == {"same"}
    assert [c.what.split()[0] for c in checks] == [
        *("published", "reports"),
        *["step"] * (6 + len(list((published_run / "store").glob("evaluate-*")))),
        *("links", "AP", "data", "labels", "detections"),
    ]


def test_a_changed_byte_in_any_file_of_a_run_and_its_store_is_found_and_the_file_named(published_copy):
    victims = files_of(published_copy)
    assert len(victims) > 50
    for number, victim in enumerate(victims):
        whole = victim.read_bytes()
        flip_a_bit(victim, PLACES[number % len(PLACES)])
        # The network is the last to be asked: all is found before.
        first = next((c for c in verify_run(Run.open(published_copy)) if c.problems), None)
        assert first is not None, victim
        assert any(victim.name in problem for problem in first.problems), (victim, first.problems)
        flip_a_bit(victim, PLACES[number % len(PLACES)])
        assert victim.read_bytes() == whole
    assert not any(c.problems for c in verify_run(Run.open(published_copy), quick=True))


def test_the_quick_look_reads_no_large_file_and_asks_no_network(published_copy, monkeypatch):
    monkeypatch.setattr(Run, "detector", lambda _: pytest.fail("the network was asked"))
    weights = next(published_copy.parents[1].glob("store/train-*/checkpoints/*/model.weights.h5"))
    assert weights.stat().st_size > SMALL_BYTES
    flip_a_bit(weights)
    assert {c.state for c in verify_run(Run.open(published_copy), quick=True)} == {"same"}


def test_a_run_without_its_store_is_checked_by_what_is_left(published_copy):
    store = published_copy.parents[1] / "store"
    store.rename(store.with_name("elsewhere"))
    run = Run.open(published_copy)
    run.__dict__["config"] = run.config.model_copy(update={"store_dir": store})
    checks = list(verify_run(run))
    assert [c.problems for c in checks if c.problems] == []
    unchecked = [c for c in checks if c.state == "not checked"]
    assert {c.what.split()[0] for c in unchecked} == {"step", "data"}
    assert all(c.note for c in unchecked)


def test_a_summary_that_cannot_be_read_ends_in_a_problem_and_no_other_error(published_copy):
    (published_copy / "summary.json").write_text("{")
    problems = [p for c in verify_run(Run.open(published_copy)) for p in c.problems]
    assert any("summary.json" in p for p in problems)


@pytest.mark.parametrize("passed", [True, False])
def test_the_certificate_says_what_was_checked_and_with_what(published_copy, passed):
    run = Run.open(published_copy)
    checks = [Check("data", 3, () if passed else ("label_2/000001.txt: changed",))]
    path = write_certificate(run, checks, quick=True, seed=4)
    content = read_sealed(path, exact=True)
    assert path == published_copy / "certificate.json"
    assert content["passed"] is passed
    assert content["settings"] == {"quick": True, "seed": 4}
    assert content["checks"][0]["state"] == ("same" if passed else "changed")
    assert ("checkpoint" in content["digests"]) is passed
    assert content["environment"]["kittidet"]
    assert content["date"].endswith("+00:00")
