"""Step 8, report: a published run gets its page, once.

It is not part of the run's identity, so it is written once the run is published, and an existing page is left as it is.
"""

from pathlib import Path

from kittidet.config import ReportConfig
from kittidet.report.result import PAGE, Report
from kittidet.runs.run import REPORT
from kittidet.steps.fetch import dataset_tree
from kittidet.steps.publish import PublishedRun
from kittidet.store import StepOutput, Store


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
    from kittidet.report.write import write_report  # noqa: PLC0415  loads matplotlib

    return write_report(run.path, tree=dataset_tree(store, dataset), config=ReportConfig())
