"""Step 8, report: a published run gets its page, once.

It is not part of the run's identity, so it is written once the run is published, and an existing page is left as it is.
With it comes the run's first certificate, of what can be verified in a second.
"""

import logging
from pathlib import Path

from kittidet.config import ReportConfig
from kittidet.kitti.tree import KittiTree
from kittidet.report.result import PAGE, Report
from kittidet.runs.run import REPORT, Run
from kittidet.steps.fetch import dataset_tree
from kittidet.steps.publish import PublishedRun
from kittidet.store import StepOutput, Store

log = logging.getLogger(__name__)


def page_of(run_dir: Path) -> Path:
    """Return where the first report of a run is."""
    return run_dir / REPORT / PAGE


def report(store: Store, run: PublishedRun, dataset: StepOutput) -> Report:
    """Return the report of a run, ``<run>/report/index.html``, written from the data it was scored on.

    Raises:
        StoreError: if the run is damaged or its folder cannot be written.
        EvaluationError: if its detections cannot be scored.
    """
    page = page_of(run.path)
    if page.is_file():
        return Report(page, cached=True)
    from kittidet.report.write import write_report

    tree = dataset_tree(store, dataset)
    certify(Run.open(run.path), tree)
    return write_report(run.path, tree=tree, config=ReportConfig())


def certify(run: Run, tree: KittiTree) -> None:
    """Leave the run's first certificate, which its report links: the quick look, on the data it was scored on.

    Raises:
        StoreError: if the certificate cannot be written.
    """
    from kittidet.runs.verify.verification import verify_run, write_certificate

    checks = list(verify_run(run, data=tree.root, quick=True))
    for problem in (problem for check in checks for problem in check.problems):
        log.warning("verify: %s", problem)
    write_certificate(run, checks, quick=True, sample=0, seed=0)
