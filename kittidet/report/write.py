"""A run folder's report: the page and every picture beside it, complete or absent, never written over."""

import base64
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kittidet.config import CompareConfig, ReportConfig
from kittidet.drawing import class_colours, draw_gallery
from kittidet.errors import StoreError
from kittidet.kitti.tree import KittiTree
from kittidet.report import facts, plot_curves, plot_labels
from kittidet.report.environment import describe_environment
from kittidet.report.gallery import FrameScore, choose_frames, draw_pair, jpeg_bytes, score_frame
from kittidet.report.measures import Measures, measure_run
from kittidet.report.page import PagePlot, render_page
from kittidet.report.plot_training import results_figure, training_panels
from kittidet.report.run_folder import RunFolder, read_run
from kittidet.report.style import PANEL_INCHES, Painter, house_style, panel, plot_colours, save_png, to_svg
from kittidet.store import digest_file, list_files

log = logging.getLogger(__name__)

PAGE = "index.html"
_NO_DATA = (
    "The data set was not at hand when this page was written, so there are no pictures and no KITTI scores, which need "
    "every label's truncation and occlusion. Write it again with --data and the folder of the data."
)
_SHEET_WIDTH = 1600
_FAST_PNG = 2  # of 9: the next ones cost seconds a picture and save a tenth


@dataclass(frozen=True, slots=True)
class Report:
    """A written report.

    Attributes:
        page: ``report/index.html``.
        cached: whether the same report was already there.
    """

    page: Path
    cached: bool


def write_report(run_dir: Path, *, tree: KittiTree | None, config: ReportConfig) -> Report:
    """Return the report of a run, ``<run>/report/index.html`` with its PNG files beside it.

    The same content finds its folder again; other content goes to ``report-2``, ``report-3``, ...

    Args:
        run_dir: a published run.
        tree: the data it was scored on; None leaves out pictures and KITTI scores, and the page says so.
        config: what to show.

    Raises:
        StoreError: if the run is damaged or its folder cannot be written.
        EvaluationError: if its detections cannot be scored.
        DatasetContractError: if the data is not what the run was scored on.
    """
    run = read_run(run_dir, tree=tree)
    partial = run_dir / f".report.partial-{os.getpid()}"
    try:
        partial.mkdir()
        _write_files(partial, run, config)
        for folder in _candidates(run_dir):
            if not folder.exists():
                partial.rename(folder)
                log.info("report.written page=%s", folder / PAGE)
                return Report(folder / PAGE, cached=False)
            if _content(folder) == _content(partial):
                return Report(folder / PAGE, cached=True)
        raise AssertionError("there is always a next number")
    except OSError as error:
        raise StoreError(f"{run_dir}: cannot write the report: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_files(folder: Path, run: RunFolder, config: ReportConfig) -> None:
    draws = CompareConfig()
    measures = measure_run(run, resamples=draws.resamples, confidence=draws.confidence, seed=draws.seed)
    min_score = measures.best_threshold if config.min_score is None else config.min_score
    checkpoints = run.summary["checkpoints"]
    gallery = _gallery(folder, run, config, min_score) if run.has_images else []
    with house_style():
        panels = training_panels(run.history, checkpoints, run.summary["best_step"])
        save_png(results_figure(panels), folder / "results.png")
        training = [_plot(folder, title, paint, "") for title, paint in panels]
        curves = _curve_plots(folder, run, measures)
        labels = _label_plots(folder, run)
    content = {
        "name": run.path.name,
        "lede": facts.describe_run(run),
        "tiles": _tiles(run, measures),
        "coco": _coco(run, measures),
        "kitti": _kitti(run, measures),
        "checkpoints": [{**c, "picked": c["step"] == run.summary["best_step"]} for c in checkpoints],
        "no_data": _NO_DATA,
        "training": training,
        "training_note": "The dashed line marks the checkpoint with the best validation AP: this report is about it.",
        "curves": curves,
        "curves_note": "Of the picked checkpoint on the validation frames.",
        "tables": [_tide(measures)],
        "min_score": min_score,
        "gallery": gallery,
        "leakage": facts.describe_leakage(run.summary),
        "data_facts": facts.data_facts(run),
        "label_plots": labels,
        "commands": facts.reproduce_commands(run),
        "digests": sorted(run.summary["digests"].items()),
        "environment": sorted(run.summary.get("environment", describe_environment()).items()),
        "environment_title": "Made with" if "environment" in run.summary else "This page was made with",
        "config": facts.config_text(run),
    }
    (folder / PAGE).write_text(render_page(content), encoding="utf-8")


def _plot(
    folder: Path, title: str, paint: Painter, caption: str, size_inches: tuple[float, float] = PANEL_INCHES
) -> PagePlot:
    figure = panel(paint, size_inches)
    name = f"{title.lower().replace(' ', '_')}.png"
    save_png(figure, folder / name)
    return PagePlot(to_svg(figure, title=title), name, caption)


def _curve_plots(folder: Path, run: RunFolder, measures: Measures) -> list[PagePlot]:
    names, table = run.table.names, run.table
    best = measures.best_threshold
    return [
        _plot(
            folder,
            "PR curve",
            plot_curves.precision_recall(measures.recall, measures.precision, table),
            "A line that stays high to the right finds nearly all objects with few false ones.",
        ),
        _plot(
            folder,
            "F1 curve",
            plot_curves.f1_by_score(measures.thresholds, measures.f1, table, best=best),
            "Where to cut the scores if one threshold serves all classes.",
        ),
        _plot(
            folder,
            "Confusion matrix",
            plot_curves.confusion(measures.confusion, names),
            f"Counts of detections at {best:.2f} and above; shades are shares of a row.",
            (5.2, 4.3),
        ),
        _plot(
            folder,
            "Calibration",
            plot_curves.calibration(measures.calibration),
            f"Expected calibration error {measures.calibration_error:.3f}: below the diagonal scores promise too much.",
        ),
    ]


def _label_plots(folder: Path, run: RunFolder) -> list[PagePlot]:
    table = run.table
    return [
        _plot(folder, "Labels", plot_labels.label_counts(run.summary["counts"], table), "Objects the detector learns."),
        _plot(folder, "Box sizes", plot_labels.box_sizes(run.frames, table), "Boxes of the validation frames."),
        _plot(folder, "Box places", plot_labels.box_places(run.frames, table), "Darker: more boxes lie there."),
    ]


def _tiles(run: RunFolder, measures: Measures) -> list[dict[str, str]]:
    intervals = measures.intervals
    tiles = [
        {"value": _text(run.summary[key], 3), "label": f"{label}, {_between(interval)}"}
        for key, label, interval in (
            ("ap", "COCO AP", intervals.ap),
            ("ap50", "AP50", intervals.ap50),
            ("ap75", "AP75", intervals.ap75),
        )
    ]
    car = measures.kitti.get("Car") if measures.kitti is not None else None
    if car is not None and car.r40[1] is not None:
        tiles.append({"value": _text(car.r40[1], 1), "label": "KITTI Car, moderate, R40"})
    tiles.append({"value": f"{run.summary['best_step']:,}", "label": f"picked step, epoch {run.summary['best_epoch']}"})
    return tiles


def _coco(run: RunFolder, measures: Measures) -> dict[str, Any]:
    coco = measures.coco
    colours, bright = plot_colours(run.table), class_colours(run.table)
    return {
        # The number of record is the one the checkpoint was picked by.
        **{key: run.summary[key] for key in ("ap", "ap50", "ap75")},
        "interval": _between(measures.intervals.ap),
        "confidence": f"{measures.intervals.confidence:.0%}",
        "n_images": f"{coco.n_images:,}",
        "n_ground_truth": f"{coco.n_ground_truth:,}",
        "classes": [
            {
                "name": name,
                "ap": run.summary["per_class_ap"][name],
                "ap50": run.summary["per_class_ap50"][name],
                "interval": _between(measures.intervals.per_class_ap[name]),
                "count": f"{coco.per_class_count[name]:,}",
                "colour": colours[name],
                "bright": bright[name],
            }
            for name in run.table.names
        ],
        "sizes": [
            {"name": "AP", "numbers": (coco.ap, coco.ap_small, coco.ap_medium, coco.ap_large)},
            {"name": "AR, 100 boxes", "numbers": (coco.ar_100, coco.ar_small, coco.ar_medium, coco.ar_large)},
        ],
    }


def _kitti(run: RunFolder, measures: Measures) -> list[dict[str, Any]] | None:
    if measures.kitti is None:
        return None
    colours = plot_colours(run.table)
    return [
        {"name": name, "colour": colours.get(name, "#888888"), "iou": s.min_overlap, "numbers": (*s.r40, *s.r11)}
        for name, s in measures.kitti.items()
    ]


def _tide(measures: Measures) -> dict[str, Any]:
    said = {
        "Cls": "right place, wrong class",
        "Loc": "right class, box too loose",
        "Both": "wrong class and loose box",
        "Dupe": "found twice",
        "Bkg": "nothing there",
        "Miss": "not found",
    }
    rows = [(said.get(k, k), f"{count:,}", f"+{gain:.3f}") for k, (gain, count) in measures.tide.items()]
    return {
        "title": "What costs AP50",
        "header": ("error", "count", "AP50 without it"),
        "rows": sorted(rows, key=lambda row: row[2], reverse=True),
        "note": "TIDE error types, over all scores: how much AP50 would rise if errors of one type were gone.",
    }


def _gallery(folder: Path, run: RunFolder, config: ReportConfig, min_score: float) -> list[dict[str, Any]]:
    frames = {frame.frame_id: frame for frame in run.frames}
    found = {d.frame_id: d for d in run.detections}
    scores = [score_frame(frames[i], found[i], run.table, min_score=min_score) for i in frames]
    groups = []
    (folder / "gallery").mkdir()
    for title, chosen in choose_frames(scores, each=config.gallery_frames, seed=config.gallery_seed).items():
        shots, sheet = [], []
        for score in chosen:
            picture = draw_pair(frames[score.frame_id], found[score.frame_id], run.table, min_score=min_score)
            png = f"gallery/{title}_{score.frame_id}.png"
            picture.save(folder / png, compress_level=_FAST_PNG)
            data = base64.b64encode(jpeg_bytes(picture, quality=config.jpeg_quality)).decode()
            sheet.append((f"{score.frame_id}: {_said(score)}", picture))
            shots.append(
                {
                    "frame_id": score.frame_id,
                    "caption": _said(score),
                    "png": png,
                    "data": f"data:image/jpeg;base64,{data}",
                    "width": picture.width,
                    "height": picture.height,
                }
            )
        if sheet:
            draw_gallery(sheet, columns=2, width=_SHEET_WIDTH).save(
                folder / f"gallery_{title}.png", compress_level=_FAST_PNG
            )
        groups.append({"title": title.capitalize(), "shots": shots})
    return groups


def _said(score: FrameScore) -> str:
    return f"{score.found} found, {score.missed} missed, {score.extra} extra"


def _text(value: float | None, digits: int) -> str:
    return "none" if value is None else f"{value:.{digits}f}"


def _between(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def _candidates(run_dir: Path) -> Iterator[Path]:
    yield run_dir / "report"
    number = 2
    while True:
        yield run_dir / f"report-{number}"
        number += 1


def _content(folder: Path) -> Sequence[tuple[str, str]]:
    return [(p.relative_to(folder).as_posix(), digest_file(p)) for p in list_files(folder)]
