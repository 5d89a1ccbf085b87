"""The whole verification of a run, in the order of its life, and the certificate that says what was found."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kittidet.errors import KittidetError, StoreError
from kittidet.files import digest_file, write_sealed
from kittidet.runs.environment import describe_environment
from kittidet.runs.run import CERTIFICATE, IDENTITY, Run
from kittidet.runs.verify.check import Check, checked
from kittidet.runs.verify.files import check_data, check_outputs, check_published, check_reports
from kittidet.runs.verify.inference import check_inference
from kittidet.runs.verify.numbers import check_labels, check_links, check_scores
from kittidet.store import StepKey, Store

SAMPLE = 32


def verify_run(
    run: Run, *, data: Path | None = None, sample: int = SAMPLE, seed: int = 0, quick: bool = False
) -> Iterator[Check]:
    """Yield each check of a run: its files, its store, its data, its numbers, its detections.

    Files of the store that were removed, and data that is not there, are not checked; whatever is there must be as it
    was.

    Args:
        run: a published run.
        data: the data it was made from; None: what its store knows of.
        sample: validation images that go through the network again.
        seed: of their draw.
        quick: without the network, and large files of the store and the data by size and time.
    """
    yield checked("published files", lambda: check_published(run))
    yield checked("reports", lambda: check_reports(run))
    store, keys = _store_of(run)
    yield from check_outputs(store, keys, quick=quick)
    if not keys:
        yield Check("store", 0, (), "the run does not say what it was made from: its summary is of an earlier version")
    outputs = [output for output in map(store.load, keys) if output is not None]
    by_step = {output.step: output for output in outputs if output.step != "evaluate"}
    best = next((o for o in outputs if o.step == "evaluate" and o.summary["name"] == _best_name(run)), None)
    yield checked("links between steps", lambda: check_links(run, store, by_step, best))
    yield checked("AP from the detections", lambda: check_scores(run))
    try:
        tree = run.find_tree(data)
    except KittidetError as error:
        yield Check("data", 0, (str(error),))
        return
    if tree is None:
        yield Check("data", 0, (), "not found: name it with --data")
        return
    fetched = next((key for key in keys if key.step == "fetch"), None)
    content = run.summary["digests"]["data"]
    yield checked("data", lambda: check_data(tree, content, store, fetched, quick=quick))
    yield checked("labels against the data", lambda: check_labels(run, tree))
    if not quick:
        yield checked("detections found again", lambda: check_inference(run, tree, sample=sample, seed=seed))


def write_certificate(run: Run, checks: Sequence[Check], **settings: Any) -> Path:
    """Write what was checked, with the digests of what it was checked against, as ``certificate.json``; return it.

    Args:
        run: the verified run.
        checks: all of its checks.
        **settings: what they were made with.

    Raises:
        StoreError: if it cannot be written.
    """
    passed = not any(check.problems for check in checks)
    identity = run.path / IDENTITY
    content = {
        "run": run.path.absolute().name,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "passed": passed,
        "settings": settings,
        "checks": [check.to_json() for check in checks],
        # Of a run that changed, nothing can be certified.
        "digests": {**run.summary["digests"], "published": digest_file(identity)} if passed else {},
        "environment": describe_environment(),
    }
    path = run.path / CERTIFICATE
    try:
        write_sealed(path, content)
    except OSError as error:
        raise StoreError(f"{path}: cannot write the certificate: {error.strerror or error}.") from error
    return path


def _store_of(run: Run) -> tuple[Store, list[StepKey]]:
    """Return where the run's step outputs are, and their keys; none where its summary does not say."""
    try:
        noted = run.summary
        # As `Run.find_tree` looks for it: beside the run, for both may have been moved; else where it was.
        beside = (run.path / noted["store"]).resolve() if "store" in noted else None
        place = beside if beside is not None and beside.is_dir() else run.config.store_dir
        return Store(place), [StepKey.model_validate(key) for key in noted["outputs"]]
    except (KittidetError, KeyError, TypeError, ValueError):
        return Store(run.path), []


def _best_name(run: Run) -> str | None:
    return next((row["name"] for row in run.summary["checkpoints"] if row["best"]), None)
