"""A run's report: the page and every image beside it, complete or absent, never written over."""

import json
import logging
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kittidet.config import CompareConfig, ReportConfig
from kittidet.errors import StoreError
from kittidet.eval.diagnosis import RECALLS, THRESHOLDS, Diagnosis
from kittidet.eval.score_text import SYNTHETIC, is_kitti
from kittidet.files import digest_files, locked, numbered, remove_partials, whole_file, write_sealed
from kittidet.kitti.tree import KittiTree
from kittidet.report import facts, plot_curves, plot_labels, tables
from kittidet.report.gallery import gallery_images
from kittidet.report.label_errors import label_error_images
from kittidet.report.measures import measure_run
from kittidet.report.nearness import describe_nearness, nearness_table, nearness_tiles
from kittidet.report.page import PagePlot, render_page
from kittidet.report.plot_training import results_figure, training_panels
from kittidet.report.result import NUMBERS, PAGE, Report
from kittidet.report.style import PANEL_INCHES, Painter, panel, report_style, save_png, to_svg
from kittidet.runs.environment import describe_environment
from kittidet.runs.run import CERTIFICATE, REPORT, REPORT_FILES, RESULTS, Run

log = logging.getLogger(__name__)

_NO_DATA = (
    "The data set was not available when this report was written, so it has no images and no KITTI scores, which need "
    "the truncation and occlusion of every label. Write it again with --data DIR."
)


def write_report(run_dir: Path, *, tree: KittiTree | None, config: ReportConfig) -> Report:
    """Return the report of a run, ``<run>/report/index.html`` with its PNG files beside it, and ``<run>/results.png``.

    The same content finds its folder again; other content goes to ``report-2``, ``report-3``, ...

    Args:
        run_dir: a published run.
        tree: the data it was scored on; None leaves out images and KITTI scores, and the page says so.
        config: what to show.

    Raises:
        StoreError: if the run is damaged or its folder cannot be written.
        EvaluationError: if its detections cannot be scored.
        DatasetContractError: if the data is not what the run was scored on.
    """
    run = Run.open(run_dir, tree=tree)
    try:
        # One writer at a time, so unfinished files are from one that was killed.
        with locked(run_dir / ".report.lock", waiting_for=f"another report in {run_dir}"):
            remove_partials(run_dir, REPORT)
            return _publish(run, run_dir, config)
    except OSError as error:
        raise StoreError(f"{run_dir}: cannot write the report: {error.strerror or error}.") from error


def _publish(run: Run, run_dir: Path, config: ReportConfig) -> Report:
    folder = run_dir / REPORT
    with TemporaryDirectory(prefix=".report.partial-", dir=run_dir) as temporary:
        made = Path(temporary) / "report"
        made.mkdir()
        _write_files(made, run, config)
        _keep_results(made / RESULTS, run_dir / RESULTS)
        content = digest_files(made)
        write_sealed(made / REPORT_FILES, {"files": content})
        for folder in numbered(run_dir / REPORT):
            if not folder.exists():
                made.rename(folder)
                log.info("report.written page=%s", folder / PAGE)
                return Report(folder / PAGE, cached=False)
            if {name: d for name, d in digest_files(folder).items() if name != REPORT_FILES} == content:
                break
    return Report(folder / PAGE, cached=True)


def _write_files(folder: Path, run: Run, config: ReportConfig) -> None:
    measures = measure_run(run, min_score=config.min_score, draws=CompareConfig())
    diagnosis = measures.diagnosis
    checkpoints = run.summary["checkpoints"]
    gallery = gallery_images(folder, run, diagnosis, config) if run.has_images else []
    label_errors = label_error_images(folder, run, diagnosis.label_errors) if run.has_images else []
    with report_style():
        panels = training_panels(run.history, checkpoints)
        save_png(results_figure(panels), folder / RESULTS)
        training = [_plot(folder, title, paint, "") for title, paint in panels]
        curves = _curve_plots(folder, run, diagnosis)
        labels = _label_plots(folder, run)
    content = {
        "name": run.path.name,
        "intro": facts.describe_run(run),
        "is_kitti": is_kitti(run.table.names, run.data_kind),
        "badge": SYNTHETIC if run.is_synthetic else None,
        "tiles": tables.tiles(run, measures, nearness_tiles(run.summary, measures.nearness)),
        "nearness": nearness_table(measures.nearness),
        "coco": tables.coco_table(run, measures),
        "kitti": tables.kitti_table(run, measures),
        "kitti_notes": () if measures.kitti is None else measures.kitti.notes,
        "kitti_missing": measures.kitti_missing or _NO_DATA,
        "checkpoints": checkpoints,
        "no_data": _NO_DATA,
        "training": training,
        "training_facts": facts.training_facts(run),
        "curves": curves,
        "tables": _mistakes(run, diagnosis),
        "min_score": diagnosis.min_score,
        "gallery": gallery,
        "label_errors": label_errors,
        "leakage": describe_nearness(run.summary, measures.nearness),
        "data_facts": facts.data_facts(run),
        "label_plots": labels,
        "commands": facts.reproduce_commands(run),
        "certificate": CERTIFICATE if (run.path / CERTIFICATE).is_file() else None,
        "digests": sorted(run.summary["digests"].items()),
        "environment": sorted(run.summary.get("environment", describe_environment()).items()),
        "environment_title": "Made with" if "environment" in run.summary else "This report was made with",
        "config": facts.config_text(run),
    }
    (folder / NUMBERS).write_text(json.dumps(measures.to_json(), indent=1) + "\n", encoding="utf-8")
    (folder / PAGE).write_text(render_page(content), encoding="utf-8")


def _plot(
    folder: Path, title: str, paint: Painter, caption: str, size_inches: tuple[float, float] = PANEL_INCHES
) -> PagePlot:
    figure = panel(paint, size_inches)
    name = f"{title.lower().replace(' ', '_')}.png"
    save_png(figure, folder / name)
    return PagePlot(to_svg(figure, title=title), name, caption)


def _mistakes(run: Run, diagnosis: Diagnosis) -> list[dict[str, Any]]:
    found = [tables.tide_table(diagnosis.tide)]
    if run.has_images:  # without full labels, distance and occlusion are not known
        found.append(tables.slice_table(diagnosis.slices))
    found.append(tables.threshold_table(diagnosis.class_curves))
    # With the images at hand label errors are shown, not listed.
    if diagnosis.label_errors and not run.has_images:
        found.append(tables.label_error_table(diagnosis.label_errors))
    return found


def _curve_plots(folder: Path, run: Run, diagnosis: Diagnosis) -> list[PagePlot]:
    table, curves = run.table, diagnosis.class_curves
    best = diagnosis.curves.best_threshold
    return [
        _plot(
            folder,
            "PR curve",
            plot_curves.precision_recall(RECALLS, {n: c.precision_by_recall for n, c in curves.items()}, table),
            "The closer a curve is to the top right corner, the better.",
        ),
        _plot(
            folder,
            "F1 curve",
            plot_curves.f1_by_score(THRESHOLDS, {n: c.f1 for n, c in curves.items()}, table, best=best),
            "The dashed line is the best threshold if all classes share one.",
        ),
        _plot(
            folder,
            "Confusion matrix",
            plot_curves.confusion(diagnosis.confusion.counts, table.names),
            f"Counts of detections with scores from {best:.2f}; the shading is the share of the row.",
            (5.2, 4.3),
        ),
        _plot(
            folder,
            "Calibration",
            plot_curves.calibration([(b.mean_score, b.share_right, b.count) for b in diagnosis.calibration.bins]),
            f"Expected calibration error {diagnosis.calibration.expected_error:.3f}; below the diagonal the scores are "
            "overconfident.",
        ),
    ]


def _label_plots(folder: Path, run: Run) -> list[PagePlot]:
    table = run.table
    return [
        _plot(
            folder,
            "Labels",
            plot_labels.label_counts(run.summary["counts"], table),
            "Labelled objects.",
        ),
        _plot(folder, "Box sizes", plot_labels.box_sizes(run.frames, table), "Boxes of the validation frames."),
        _plot(folder, "Box places", plot_labels.box_places(run.frames, table), "Darker means more boxes."),
    ]


def _keep_results(made: Path, kept: Path) -> None:
    """Copy the sheet of curves to where people look for it first, unless the run folder has one."""
    if not kept.exists():
        with whole_file(kept) as partial:
            shutil.copyfile(made, partial)
